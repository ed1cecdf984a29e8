"""Forms of internal addresses, as attackers write them (CWE-918 collections, own additions)."""

# What a resolver may answer with, or an address literal say.
INTERNAL_ADDRESSES = (
    # This host and network.
    *("0.0.0.0", "0.0.0.1", "127.0.0.1", "127.1.2.3", "127.255.255.254", "::", "::1"),  # noqa: S104  nothing binds to it
    # Private, carrier, link-local, clouds.
    *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("100.64.0.1", "100.100.100.200", "100.127.255.255", "169.254.0.1", "169.254.169.254"),
    *("168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254", "fc00::1", "fdff::1"),
    *("fe80::1", "febf::1", "fec0::1", "fe80::1%lo", "fe80::a9fe:a9fe%eth0"),
    # Documentation, benchmarks, reserved, multicast.
    *("192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "192.0.0.1"),
    *("192.88.99.1", "240.0.0.1", "255.255.255.255", "224.0.0.1", "239.255.255.255"),
    *("2001:db8::1", "3fff::1", "2001:2::1", "2001:20::1", "ff02::1", "ff0e::1", "100::1"),
    *("5f00::1", "4000::1", "e000::1"),
    # IPv4 inside IPv6: mapped, translated, compatible, NAT64, 6to4, Teredo, ISATAP.
    *("::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1"),
    *("::127.0.0.1", "::10.0.0.1", "::8.8.8.8", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe"),
    *("64:ff9b::10.0.0.1", "64:ff9b:1::1", "64:ff9b:1::8.8.8.8", "2002:7f00:1::"),
    *("2002:a00:1::1", "2002:a9fe:a9fe::", "2002:808:808::1", "2001::1", "2001:0:7f00:1::"),
    *("2a00:1450:4001:81b:0:5efe:127.0.0.1", "2a00:1450:4001:81b:200:5efe:10.0.0.1"),
    # No addresses.
    *("", "localhost", "127.1", "0x7f000001", "017700000001", "2130706433", "127.0.0.1 "),
)

_HOSTS = (
    # Other spellings of 127.0.0.1 and of the clouds' metadata.
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1"),
    *("0177.0.0.1", "0177.0.0.01", "017700000001", "00000000177.0.0.1", "127.0.0.01"),
    *("127.000.000.001", "0x7F.0x0.0x0.0x1", "127.0.0.1.", "0", "0.0.0.0", "00.00.00.00"),  # noqa: S104  nothing binds
    *("169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518"),
    *("0xA9.0xFE.0xA9.0xFE", "10.0.0.1", "192.168.0.1", "172.16.0.1", "100.64.0.1"),
    *("256.256.256.256", "127.0.0.1:80:80", "4294967296", "-1"),
    # In brackets.
    *("[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
    *("[::ffff:a9fe:a9fe]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]", "[fe80::1%25lo]"),
    *("[fe80::1%lo]", "[fd00:ec2::254]", "[::127.0.0.1]", "[127.0.0.1]", "[::1", "::1", "[v1.a]"),
    # Names.
    *("localhost", "LOCALHOST", "localhost.", "a.localhost", "localhost.localdomain"),
    *("ip6-localhost", "printer.local", "metadata.google.internal", "db.internal", "router.lan"),
    *("metadata", "kubernetes.default.svc.cluster.local", "nas.home.arpa", "x.onion", "x.corp"),
    # Names that are read otherwise elsewhere.
    *("shop.example.", "shop..example", ".shop.example", "-a.example", "a-.example", "a_b.example"),
    *("shop.example%2elocalhost", "127%2e0%2e0%2e1", "%31%32%37.0.0.1", "%6cocalhost"),
    # Digits, dots and letters of other scripts that fold into these.
    *("\u2460\u2461\u2466.\u24ea.\u24ea.\u2460", "127\u30020\u30020\u30021", "loc\u0430lhost"),
    *("\uff11\uff12\uff17.0.0.1", "\u24db\u24de\u24d2\u24d0\u24dbhost", "\u017fhop.example"),
    *("local\u00adhost", "local\u200bhost", "shop.example\u2044@localhost", "0x7f.example.0x1"),
)

INTERNAL_URLS = (
    *(f"https://{host}/" for host in _HOSTS),
    # A user, a fragment, a backslash, blanks: the host is not where it seems to be.
    *("https://shop.example@127.0.0.1/", "https://127.0.0.1@shop.example/"),
    *("https://shop.example:443@localhost/", "https://shop.example%40localhost/"),
    *("https://shop.example#@localhost/", "https://shop.example/#x", "https://localhost#.example/"),
    *("https://shop.example\\@localhost/", "https:\\\\localhost/", "https://localhost\\.example/"),
    *(" https://shop.example/", "https://shop.example/ ", "https://shop.example /"),
    *("https://shop.example/\r\nX: y", "https://shop.example/\n", "https://shop\t.example/"),
    *("https://shop.example/\x00", "https://shop.example/ä", "https://shop.example/a b"),
    # Other ports, schemes and forms.
    *("https://shop.example:22/", "https://shop.example:25/", "https://shop.example:80/"),
    *("https://shop.example:0/", "https://shop.example:65536/", "https://shop.example:/"),
    *("https://shop.example:0443/", "https://shop.example:+443/", "https://shop.example:4 43/"),
    *("http://shop.example/", "HTTPS://shop.example/", "ftp://shop.example/", "file:///etc/passwd"),
    *("gopher://127.0.0.1:6379/_", "//shop.example/", "/hook", "", "https:/shop.example/"),
    *("https:///shop.example/", "https://", "https://?x", "javascript:alert(1)", "unix:/run/x"),
    *("https://shop.example/%zz", "https://shop.example/%", "https://shop.example/<x>"),
    "https://shop.example/" + "a" * 2_048,
)

"""Tokens that a forger, or a careless issuer, would make: any header and payload, really signed."""

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from keys.entropy import CountingEntropy
from keys.token_keys import SigningKey
from keys.tokens import Confirmation, PaymentClaims, PaymentDetail

KEY = SigningKey.generate(CountingEntropy(1))
OTHER_KEY = SigningKey.generate(CountingEntropy(2))
KEYS = {KEY.kid: KEY.verifying}
ISSUER = "https://payguard.example"
AUDIENCE = "https://payguard.example/execute"

CLAIMS = PaymentClaims(
    iss=ISSUER,
    aud=AUDIENCE,
    sub="c_17",
    iat=1_764_000_000,
    nbf=1_764_000_000,
    exp=1_764_000_120,
    jti="AAECAwQFBgcICQoLDA0ODw",
    txn="pay_01J9",
    authorization_details=(
        PaymentDetail(
            type="payment",
            amount=38_000,
            amount_is="exact",
            currency="CNY",
            payee="p_77",
            instrument="ins_01J9",
            order="sha256:" + "0f" * 32,
        ),
    ),
    device="d_5",
    acr="2",
    amr=("passkey",),
    auth_time=1_763_999_990,
    cnf=Confirmation(jkt="0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"),
    assessment="asm_01J9",
    exemption=None,
    liability="provider",
)

HEADER = b'{"alg":"ES256","kid":"%s","typ":"pay+jwt"}' % KEY.kid.encode()


def part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(header: bytes, payload: bytes, key: SigningKey = KEY) -> str:
    signing_input = f"{part(header)}.{part(payload)}"
    return f"{signing_input}.{part(signature(signing_input, key))}"


def signature(signing_input: str, key: SigningKey = KEY) -> bytes:
    der = key._private.sign(signing_input.encode(), ec.ECDSA(SHA256()))
    return b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(der))


def signed_hs256(header: bytes, payload: bytes, secret: bytes) -> str:
    signing_input = f"{part(header)}.{part(payload)}"
    mac = hmac.new(secret, signing_input.encode(), hashlib.sha256).digest()
    return f"{signing_input}.{part(mac)}"

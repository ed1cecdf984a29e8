"""Money: integer minor units with their currency, always together. Never a float, never mixed."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import total_ordering
from types import MappingProxyType
from typing import Annotated, Final, Literal, cast, get_args

import msgspec

# ISO 4217 list one as in force on 2026-01-01, funds codes included. Metals, SDR, test and
# no-currency codes have no minor unit and are left out.
# fmt: off
Currency = Literal[
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BHD",
    "BIF", "BMD", "BND", "BOB", "BOV", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF",
    "CHE", "CHF", "CHW", "CLF", "CLP", "CNY", "COP", "COU", "CRC", "CUP", "CVE", "CZK", "DJF",
    "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP",
    "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IQD", "IRR",
    "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT",
    "LAK", "LBP", "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP",
    "MRU", "MUR", "MVR", "MWK", "MXN", "MXV", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR",
    "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB",
    "RWF", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN",
    "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH",
    "UGX", "USD", "USN", "UYI", "UYU", "UYW", "UZS", "VED", "VES", "VND", "VUV", "WST", "XAD",
    "XAF", "XCD", "XCG", "XOF", "XPF", "YER", "ZAR", "ZMW", "ZWG",
]
# fmt: on

_EXPONENT_USUAL: Final = 2
_EXPONENTS_OTHER: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
EXPONENTS: Final = MappingProxyType(
    dict.fromkeys(cast("tuple[str, ...]", get_args(Currency)), _EXPONENT_USUAL)
    | {code: exponent for exponent, codes in _EXPONENTS_OTHER.items() for code in codes.split()}
)
"""Digits behind the point, by currency: how many minor units make one major unit, as 10^n."""

# One payment: 10 trillion yuan. Sums stay far inside 64 bits, and inside the integers that
# JavaScript holds exactly.
VALUE_MAX: Final = 10**15
PARTS_MAX: Final = 100_000


class CurrencyMismatch(ValueError):  # noqa: N818  it says what happened
    """Two currencies met in one calculation; there is no rate here to convert by."""


@total_ordering
@dataclass(frozen=True, slots=True)
class Money:
    """A sum of one currency; may be negative, as a difference is.

    Attributes:
        minor: Minor units: 38000 is 380.00 yuan, and 38000 yen.
        currency: ISO 4217 code.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError("money counts in whole minor units")
        if self.currency not in EXPONENTS:
            raise ValueError("money needs an ISO 4217 currency with a minor unit")

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._minor_of(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._minor_of(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.minor < self._minor_of(other)

    def times(self, count: int) -> "Money":
        """Return the sum taken `count` times over.

        Raises:
            TypeError: The count is not a whole number.
        """
        if type(count) is not int:
            raise TypeError("money is taken a whole number of times")
        return Money(self.minor * count, self.currency)

    def split(self, parts: int) -> list["Money"]:
        """Return shares that differ by one minor unit at most and add up to the whole.

        The larger shares come first.

        Args:
            parts: How many shares, 1 to PARTS_MAX.

        Raises:
            ValueError: The number of shares is out of range.
        """
        if not 1 <= parts <= PARTS_MAX:
            raise ValueError(f"money splits into 1 to {PARTS_MAX} shares")
        share, left = divmod(self.minor, parts)
        return [Money(share + (place < left), self.currency) for place in range(parts)]

    def text(self) -> str:
        """Return it in major units for people, such as `380.00 CNY` or `-0.05 EUR`."""
        exponent = EXPONENTS[self.currency]
        sign = "-" if self.minor < 0 else ""
        digits = str(abs(self.minor)).rjust(exponent + 1, "0")
        major, minor = (digits[:-exponent], digits[-exponent:]) if exponent else (digits, "")
        return f"{sign}{major}{'.' if minor else ''}{minor} {self.currency}"

    def _minor_of(self, other: object) -> int:
        if not isinstance(other, Money):
            raise TypeError("money only meets money")
        if other.currency != self.currency:
            raise CurrencyMismatch("two currencies in one calculation")
        return other.minor


def total(sums: Iterable[Money], *, currency: str) -> Money:
    """Return the sum of all; nothing adds up to zero of the currency.

    Raises:
        CurrencyMismatch: One of them is of another currency.
    """
    whole = Money(0, currency)
    for one in sums:
        whole += one
    return whole


Instant = Annotated[dt.datetime, msgspec.Meta(tz=True)]
"""A time on the wire: RFC 3339 with an offset. Without it naive times slip in."""


class Amount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money on the wire: whole minor units and an ISO 4217 code.

    Attributes:
        value: Minor units; a JSON integer, so `"12"`, `12.0`, `1e3` and `true` are refused.
        currency: ISO 4217 code.
    """

    value: Annotated[
        int,
        msgspec.Meta(
            ge=0,
            le=VALUE_MAX,
            description="Minor units: 38000 is 380.00 yuan, and 38000 yen.",
            examples=[38000],
        ),
    ]
    currency: Annotated[Currency, msgspec.Meta(description="ISO 4217.", examples=["CNY"])]

    def money(self) -> Money:
        """Return it as money."""
        return Money(self.value, self.currency)

    @classmethod
    def of(cls, money: Money) -> "Amount":
        """Return money as it goes over the wire.

        Raises:
            ValueError: It is negative or above VALUE_MAX.
        """
        if not 0 <= money.minor <= VALUE_MAX:
            raise ValueError("an amount on the wire is 0 to VALUE_MAX minor units")
        return cls(value=money.minor, currency=cast("Currency", money.currency))

"""The payment token: claims, signing, verifying. Never judges whether it is expired or spent."""

import base64
from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from keys.entropy import Entropy
from keys.token_keys import SigningKey, VerifyingKey
from keys.token_verifier import NotVerified, TokenRules, open_token, strict_object

TYP: Final = "pay+jwt"
LIFE_S_MAX: Final = 300
JTI_BYTES: Final = 16

RULES: Final = TokenRules(typ=TYP)

# `\Z`, since `$` lets a newline follow. Printable ASCII keeps lone surrogates and look-alikes out.
_Name: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[ -~]{1,255}\Z")]
_Id: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[ -~]{1,64}\Z")]
_Code: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_.:-]{0,63}\Z")]
_Currency: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}\Z")]
_Digest: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")]
# Base64url of 16 and of 32 bytes; the class of the last character leaves one spelling each.
_Jti: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{21}[AQgw]\Z")]
_Thumbprint: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z")
]
_Amount: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
# To the end of the year 9999, so that every time fits a datetime.
_Seconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]


class Confirmation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The key whose holder alone may use the token (RFC 9449 section 6).

    Attributes:
        jkt: RFC 7638 thumbprint of a DPoP key.
    """

    jkt: _Thumbprint


class PaymentDetail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the token allows to be executed (RFC 9396).

    Attributes:
        type: Always payment.
        amount: Minor units of the currency.
        amount_is: exact, or maximum: less may be executed.
        currency: ISO 4217 code.
        payee: Id of who is paid.
        instrument: Id of what pays, where it was named.
        order: Digest of the canonical order with its shipping, where there is one.
    """

    type: Literal["payment"]
    amount: _Amount
    amount_is: Literal["exact", "maximum"]
    currency: _Currency
    payee: _Id
    instrument: _Id | None
    order: _Digest | None


class PaymentClaims(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a payment token says. All members are written; times are Unix seconds.

    Attributes:
        iss: Who issued it.
        aud: The one service that executes on it.
        sub: The payer.
        iat: When it was issued.
        nbf: When it begins to count; from iat to exp.
        exp: First second at which it no longer counts; at most LIFE_S_MAX after iat.
        jti: 128 random bits; what single use is keyed on, never the token's text.
        txn: Id of the payment.
        authorization_details: Exactly one.
        device: Id of the device, where it is known.
        acr: Level of proof that was reached.
        amr: The factors that reached it.
        auth_time: When the payer last proved something, where they did.
        cnf: The key that the token is bound to, where there is one.
        assessment: Id of the assessment that approved it.
        exemption: Code of the exemption that let it through without proof, where one did.
        liability: Who bears the loss.
    """

    iss: _Name
    aud: _Name
    sub: _Id
    iat: _Seconds
    nbf: _Seconds
    exp: _Seconds
    jti: _Jti
    txn: _Id
    authorization_details: tuple[PaymentDetail]
    device: _Id | None
    acr: _Code
    amr: Annotated[tuple[_Code, ...], msgspec.Meta(max_length=8)]
    auth_time: _Seconds | None
    cnf: Confirmation | None
    assessment: _Id
    exemption: _Code | None
    liability: _Code


_CLAIMS: Final = msgspec.json.Decoder(PaymentClaims, strict=True)


def new_jti(entropy: Entropy) -> str:
    """Return the id of a new token: JTI_BYTES random bytes as 22 characters of base64url."""
    return base64.urlsafe_b64encode(entropy(JTI_BYTES)).rstrip(b"=").decode()


def sign(claims: PaymentClaims, key: SigningKey) -> str:
    """Return the compact token, about 1,000 characters.

    ECDSA draws a number of its own: two tokens over the same claims differ in their text.

    Raises:
        ValueError: The claims are not such that `verify` would take them: a mistake of ours.
    """
    payload = msgspec.json.encode(claims)
    # What `verify` looks at beyond this, an encoder of ours cannot write: members that stand
    # twice, numbers in another spelling.
    try:
        read = _CLAIMS.decode(payload)
    except msgspec.ValidationError:
        raise ValueError("these claims make no token: claims") from None
    if not _is_in_time(read):
        raise ValueError("these claims make no token: times")
    return key.sign(payload, typ=TYP)


def verify(
    text: str, *, keys: Mapping[str, VerifyingKey], issuer: str, audience: str
) -> PaymentClaims:
    """Return the claims of a token that we issued for this audience.

    It has no clock: whether the token counts now, and whether it was spent, is for the writer
    alone to say, from what it stored under the jti.

    Args:
        text: As it came; anything that is text.
        keys: Those that may verify, by name.
        issuer: The exact `iss`.
        audience: The exact `aud`.

    Raises:
        NotVerified: Anything is wrong; its reason is for the log alone.
    """
    claims = _read(open_token(text, keys=keys, rules=RULES))
    if claims.iss != issuer:
        raise NotVerified("issuer")
    if claims.aud != audience:
        raise NotVerified("audience")
    return claims


def _read(payload: bytes) -> PaymentClaims:
    members = strict_object(payload, "payload_json")
    try:
        claims = msgspec.convert(members, PaymentClaims, strict=True)
    except msgspec.ValidationError:
        raise NotVerified("claims") from None
    if not _is_in_time(claims):
        raise NotVerified("times")
    return claims


def _is_in_time(claims: PaymentClaims) -> bool:
    return claims.iat <= claims.nbf <= claims.exp <= claims.iat + LIFE_S_MAX

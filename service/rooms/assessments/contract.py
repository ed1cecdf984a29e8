"""What this room writes into the log. Commands come with the rooms that ask for a judgement."""

from typing import Final

AUDIT_KINDS: Final[dict[str, str]] = {
    "payment.assessed": (
        "A payment was judged at a stage; the fields hold the outcome and commitments to the"
        " inputs and the feature vector."
    ),
}

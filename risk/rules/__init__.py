"""Rules as text: parsed to a closed tree, checked, compiled; no author's text is ever executed."""

"""How commands travel from front ends, worker and command line to the writer."""

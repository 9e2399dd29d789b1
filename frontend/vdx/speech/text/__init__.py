"""Text between recogniser and voice: responder, clauses, languages and words."""

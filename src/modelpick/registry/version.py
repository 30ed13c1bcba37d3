"""The number of the newest schema, apart from the steps that lead there: every reader checks it, few need the steps."""

SCHEMA_VERSION = 4
"""One more than there are migrations; a test holds it."""

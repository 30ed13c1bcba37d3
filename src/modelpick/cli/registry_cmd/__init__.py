"""``modelpick registry``: one file per sub-command."""

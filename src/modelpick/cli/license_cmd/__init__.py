"""``modelpick license``: one file per sub-command."""

"""One module per report format: functions from findings to text."""

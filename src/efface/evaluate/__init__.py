"""Looking at results: pictures, coverage and surface measures; nothing here changes a scan."""

"""The report as one page of HTML, for management and auditors: self-contained, printable, fine unscripted."""

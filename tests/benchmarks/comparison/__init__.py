"""The networks that UNet++ is compared with, trained alike: runs, records, tables and figures."""

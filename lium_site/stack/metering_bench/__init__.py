"""What `./market bench metering` runs beside itself: the rows that it fills, and the process that ticks."""

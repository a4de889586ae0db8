"""Numbers: scores, intervals, calibration, tables; every module may register metrics."""

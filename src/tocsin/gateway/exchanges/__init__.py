"""Hash exchanges: lists read from others on a schedule, verdicts told to them, and banks shared with partners."""

"""From a case to a verdict: plan, execute, judge."""

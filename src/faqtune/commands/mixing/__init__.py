"""Models between two models: what their layers do, and mixtures that were tried."""

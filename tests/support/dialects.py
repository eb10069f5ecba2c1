"""The dialects that tests of the reference go through one by one.

Those of older releases extend one of them and differ in a few rules, which their cases judge: in
every one of these tests they would cost time and show nothing.
"""

MAIN = ("mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32", "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4")

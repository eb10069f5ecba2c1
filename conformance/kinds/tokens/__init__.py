"""What the kinds with keys and values share: operations, snapshots, and caches to start from."""

"""Object stores: keys in a bucket, changed only under preconditions."""

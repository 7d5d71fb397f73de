"""The formal models: locking designs and flow protocol as transition systems; they know no bytes."""

//! Probes for process managers and load balancers.

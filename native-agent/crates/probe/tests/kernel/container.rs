//! Containers: by cgroup, by pid namespace, by overlay layer.

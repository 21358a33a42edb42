#!/bin/sh
# Starts a program that cargo has built. A test of the vault gets processes and mounts of its own: a vault learns of all
# containers of its host, so two tests on one host would each wait for the other's answer, and only one could run at a time.
# What is ignored unless asked for stays on this host: it looks at what a container runtime does.
case " $* " in
  *' --ignored '*) exec "$@" ;;
esac
if [ "${CARGO_PKG_NAME:-}" = norn-vault ] && [ "$(id -u)" = 0 ]; then
  # The shell is the first process there, which takes in whoever loses its parent. Number 2 is the parent of the kernel's threads.
  exec unshare --pid --mount --fork --kill-child --mount-proc --propagation private -- sh -c '(:); "$0" "$@"; exit $?' "$@"
fi
exec "$@"

/**
 * What Baldur keeps (`native-agent/crates/tamper/src/rights.rs`, held by a test), and `setpcap` for giving up the rest: Tyr, who starts him, has no more.
 * As setpriv(1) names them.
 */
export const agentCapabilities =
  'chown dac_override dac_read_search fowner fsetid kill setpcap linux_immutable net_admin ipc_lock sys_chroot sys_ptrace sys_admin sys_nice sys_resource mknod lease setfcap syslog perfmon bpf'.split(
    ' ',
  );

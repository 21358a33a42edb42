// Which programs start other people's work and are therefore not the origin of it: managers of sessions, services and containers.

const names: ReadonlySet<string> = new Set([
  'systemd',
  'init',
  'sshd',
  'sshd-session',
  'login',
  'su',
  'sudo',
  'cron',
  'crond',
  'atd',
  'dockerd',
  'containerd',
  'containerd-shim',
  'containerd-shim-runc-v2',
  'runc',
  'crun',
  'conmon',
  'podman',
  'kubelet',
  'tini',
  'dumb-init',
  'docker-init',
  's6-svscan',
  's6-supervise',
  'supervisord',
  'runsv',
  'runsvdir',
  'dbus-daemon',
  'gdm',
  'lightdm',
  'tmux: server',
  'kthreadd',
]);

/** By the last part of the image's path. */
export function isSessionManager(imagePath: string): boolean {
  return names.has(imagePath.slice(imagePath.lastIndexOf('/') + 1));
}

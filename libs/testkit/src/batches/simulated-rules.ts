// Rules as large sets of them are: which fields they ask, how many values, how long, how many are ever true. The same seed gives the same.
import { SeededRandom } from '@norn/base';

const tools =
  'sh bash dash zsh curl wget nc ncat socat python3 perl ruby php node java awk sed find grep tar zip gzip openssl base64 xxd ssh scp rsync git docker kubectl nsenter mount umount chmod chown chattr crontab systemctl useradd usermod passwd sudo su insmod modprobe gdb strace tcpdump nmap iptables nft ip ss netstat whoami id uname hostname ps kill pkill dd shred mkfs lsblk cat head tail'.split(
    ' ',
  );
const folders =
  '/tmp/ /var/tmp/ /dev/shm/ /etc/ /etc/cron.d/ /etc/systemd/system/ /root/ /root/.ssh/ /home/ /usr/local/bin/ /usr/lib/ /var/log/ /var/www/ /opt/ /proc/ /sys/fs/ /run/ /boot/ /srv/ /var/lib/'.split(
    ' ',
  );
const options = ' -c | -e | -o | -i | -x | -p | --user | --output | --exec | --shell | -rf | -fsSL | +x | 777 '.split(
  '|',
);
const syllables = 'ba co du fi ga he jo ki lu ma no pe qu ri so ta vu wo xa ze'.split(' ');

export class SimulatedRules {
  private readonly random: SeededRandom;
  private count = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  /** The text of a file with this many rules, a YAML document each. */
  file(rules: number): string {
    return Array.from({ length: rules }, () => this.rule()).join('---\n');
  }

  private rule(): string {
    this.count += 1;
    const dice = this.random.next();
    const id = `00000000-0000-4000-8000-${String(this.count).padStart(12, '0')}`;
    const head = `title: Simulated rule ${this.count}\nid: ${id}\nstatus: test\nlevel: low\n`;
    if (dice < 0.65) return `${head}logsource: { product: linux, category: process_creation }\n${this.ofProcess()}`;
    if (dice < 0.95) {
      const category = this.random.pick(['file_event', 'file_event', 'file_delete', 'file_change', 'file_rename']);
      return `${head}logsource: { product: linux, category: ${category} }\n${this.ofFile()}`;
    }
    return `${head}logsource: { product: linux, category: network_connection }\n${this.ofConnection()}`;
  }

  private ofProcess(): string {
    const image = `  image:\n    Image|endswith: ${this.list(() => `/${this.random.pick(tools)}`, 4)}\n`;
    const command = `  command:\n    CommandLine|contains${this.random.below(4) === 0 ? '|all' : ''}: ${this.list(() => this.argument(), 6, 2)}\n`;
    const form = this.random.below(10);
    if (form < 5) return `detection:\n${image}${command}  condition: image and command\n`;
    if (form < 7) return `detection:\n${command}${this.filter()}  condition: command and not 1 of filter_*\n`;
    if (form < 9) {
      const parent = `  parent:\n    ParentImage|endswith: ${this.list(() => `/${this.random.pick(tools)}`, 3)}\n`;
      return `detection:\n${image}${parent}${command}  condition: all of them\n`;
    }
    const pattern = `${this.random.pick(tools)}\\s+.*${this.name()}`;
    return `detection:\n${image}  pattern:\n    CommandLine|re: '${pattern}'\n  condition: image and pattern\n`;
  }

  private ofFile(): string {
    const under = `  under:\n    TargetFilename|startswith: ${this.list(() => this.random.pick(folders) + this.name(), 4)}\n`;
    const ending = `  ending:\n    TargetFilename|endswith: ${this.list(() => `/${this.name()}.${this.random.pick(['sh', 'conf', 'so', 'service', 'php'])}`, 5)}\n`;
    const form = this.random.below(3);
    if (form === 0) return `detection:\n${under}${this.filter()}  condition: under and not 1 of filter_*\n`;
    if (form === 1) return `detection:\n${under}${ending}  condition: under or ending\n`;
    return `detection:\n${ending}  by:\n    Image|endswith: ${this.list(() => `/${this.random.pick(tools)}`, 3)}\n  condition: ending and by\n`;
  }

  private ofConnection(): string {
    const address = (): string => `203.0.${this.random.below(256)}.${this.random.below(256)}`;
    return `detection:\n  to:\n    Initiated: true\n    DestinationIp: ${this.list(address, 8)}\n  by:\n    Image|endswith: ${this.list(() => `/${this.random.pick(tools)}`, 4)}\n  condition: to and by\n`;
  }

  private filter(): string {
    return `  filter_known:\n    Image|startswith: ${this.list(() => this.random.pick(folders) + this.name(), 3)}\n`;
  }

  private argument(): string {
    const dice = this.random.below(4);
    if (dice === 0) return this.random.pick(options) + this.name();
    if (dice === 1) return this.random.pick(folders) + this.name();
    return dice === 2 ? `${this.random.pick(tools)} ${this.name()}` : `--${this.name()}`;
  }

  private name(): string {
    return Array.from({ length: 2 + this.random.below(3) }, () => this.random.pick(syllables)).join('');
  }

  private list(make: () => string, most: number, least = 1): string {
    const values = Array.from({ length: least + this.random.below(most - least + 1) }, make);
    return JSON.stringify([...new Set(values)].length < least ? [...values, `${make()}-x`] : [...new Set(values)]);
  }
}

"""Does one of the ways of README.md to Norn's agent, as root: ways.py WAY PID STATE. Nothing here ends it."""
import ctypes
import os
import resource
import shutil
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
# Numbers of x86-64.
PIDFD_OPEN, PIDFD_GETFD, BPF = 434, 438, 321
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
MAP_UPDATE_ELEM, MAP_DELETE_ELEM, MAP_GET_NEXT_ID, MAP_GET_FD_BY_ID = 2, 3, 12, 14
HASH, PROGRAMS = 1, 3
NEW_MOUNTS, BIND, RECURSIVE, PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000


def starve(pid, state):
    """6: behind everybody else, and on one processor, for a moment: of more Tyr would start another."""
    before = os.sched_getscheduler(pid), os.sched_getparam(pid), os.sched_getaffinity(pid)
    os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    os.sched_setaffinity(pid, {0})
    time.sleep(1)
    os.sched_setaffinity(pid, before[2])
    os.sched_setscheduler(pid, before[0], before[1])


def memory(pid, state):
    """7: the first to be ended when memory is short."""
    with open(f"/proc/{pid}/oom_score_adj", "w") as file:
        file.write("1000")


def descriptors(pid, state):
    """8: no new descriptor."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, hard))


def hold(pid, state):
    """9: held by a tracer, for a moment."""
    libc.ptrace(PTRACE_SEIZE, pid, 0, 0)
    libc.ptrace(PTRACE_INTERRUPT, pid, 0, 0)
    os.waitpid(pid, 0)
    libc.ptrace(PTRACE_DETACH, pid, 0, 0)


def write(pid, state):
    """10: its memory is opened to be written."""
    os.close(os.open(f"/proc/{pid}/mem", os.O_RDWR))


def take(pid, state):
    """11: one of its descriptors, taken from outside."""
    handle = libc.syscall(PIDFD_OPEN, pid, 0)
    libc.syscall(PIDFD_GETFD, handle, 1, 0)


def bpf(command, *words):
    attributes = (ctypes.c_uint32 * 32)(*words)
    return libc.syscall(BPF, command, attributes, ctypes.sizeof(attributes)), attributes


def maps():
    """Every map of this kernel, by descriptor."""
    number = 0
    while True:
        result, attributes = bpf(MAP_GET_NEXT_ID, number)
        if result < 0:
            return
        number = attributes[1]
        yield bpf(MAP_GET_FD_BY_ID, number)[0]


def about(map):
    """Its type, and the sizes of a key and a value."""
    with open(f"/proc/self/fdinfo/{map}") as file:
        lines = dict(line.split(":", 1) for line in file if ":" in line)
    return tuple(int(lines.get(name, "0")) for name in ("map_type", "key_size", "value_size"))


def halves(memory):
    address = ctypes.addressof(memory)
    return address & 0xFFFFFFFF, address >> 32


def empty(pid, state):
    """12: every entry of every map of programs by call number."""
    for each in maps():
        is_programs = about(each)[0] == PROGRAMS
        for number in range(512 if is_programs else 0):
            key = ctypes.c_uint32(number)
            bpf(MAP_DELETE_ELEM, each, 0, *halves(key))


def fill(pid, state):
    """13: an entry that says nothing, in every table of processes."""
    key, value = ctypes.c_uint32(0xFFFFFFFE), ctypes.c_uint8(1)
    for each in maps():
        if about(each) == (HASH, 4, 1):
            bpf(MAP_UPDATE_ELEM, each, 0, *halves(key), *halves(value), 0, 0)


def switch(pid, state):
    """15: less for those who sample the processor, for a while."""
    path = "/proc/sys/kernel/perf_event_paranoid"
    with open(path) as file:
        before = file.read()
    with open(path, "w") as file:
        file.write(str(int(before) + 1))
    time.sleep(12)
    with open(path, "w") as file:
        file.write(before)


def settings(pid, state):
    """19: who may stop it, opened to be changed."""
    os.close(os.open(os.path.join(os.path.dirname(state), "maintenance.json"), os.O_WRONLY))


def replace(pid, state):
    """18: another file in the place of its program; the same bytes here, so that it goes on."""
    program = os.readlink(f"/proc/{pid}/exe")
    shutil.copy2(program, f"{program}.other")
    os.replace(f"{program}.other", program)


def state(pid, state):
    """20: what it keeps, removed."""
    os.remove(os.path.join(state, "commands.journal"))


def identity(state):
    return os.path.join(os.path.dirname(state), "identity.json")


def key(pid, state):
    """25: its key, read to be copied."""
    with open(identity(state), "rb") as file:
        file.read()


def name(pid, state):
    """25: another name of its key, to be read by that."""
    other = f"{identity(state)}.other"
    os.link(identity(state), other)
    os.remove(other)


def mounted(pid, state):
    """25: the folder of its key elsewhere, in a table of mounts of this process alone."""
    libc.unshare(NEW_MOUNTS)
    libc.mount(b"none", b"/", None, RECURSIVE | PRIVATE, None)
    libc.mount(os.path.dirname(state).encode(), b"/mnt", None, BIND, None)


globals()[sys.argv[1]](int(sys.argv[2]), sys.argv[3])

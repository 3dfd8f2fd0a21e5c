"""The layers of Windows. Type-checked, and never run: workers do not start there yet, since the zygote needs Linux.

A job object holds memory and processes, mitigation policies take away system calls and ways to make code, and the token
loses its privileges and its trust. A restricted token, an AppContainer and a desktop of its own can only be given by
whoever starts a process; they belong to the spawner that is yet to be written.
"""

import ctypes
import sys
from typing import Final

from plugind_worker.sandbox.layer import Confinement, Job, Layer, Missing, Stage

_LIMIT_PROCESS_TIME: Final = 0x2
_LIMIT_ACTIVE_PROCESS: Final = 0x8
_LIMIT_PROCESS_MEMORY: Final = 0x100
_LIMIT_DIE_ON_UNHANDLED: Final = 0x400
_LIMIT_KILL_ON_CLOSE: Final = 0x2000
_EXTENDED_LIMITS: Final = 9
_UI_RESTRICTIONS: Final = 4
_UI_ALL: Final = 0xFF
_HUNDRED_NS: Final = 10_000_000
_BASE_BYTES: Final = 256 * 1024 * 1024

_POLICIES: Final = {
    "no dynamic code": (2, 1),
    "no system calls of the window manager": (4, 1),
    "no extension points": (6, 1),
    "no images from the network or of low trust": (10, 0b11),
    "no child processes": (13, 1),
}
"""What → number and flags of a process mitigation policy."""
_DYNAMIC_CODE: Final = "no dynamic code"

_TOKEN_ADJUST: Final = 0x20 | 0x80 | 0x8
_TOKEN_INTEGRITY: Final = 25
_UNTRUSTED: Final = "S-1-16-0"
_SE_GROUP_INTEGRITY: Final = 0x20


class _BasicLimits(ctypes.Structure):
    _fields_ = (
        ("process_time", ctypes.c_int64),
        ("job_time", ctypes.c_int64),
        ("flags", ctypes.c_uint32),
        ("least_working_set", ctypes.c_size_t),
        ("most_working_set", ctypes.c_size_t),
        ("active_processes", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority", ctypes.c_uint32),
        ("scheduling", ctypes.c_uint32),
    )


class _ExtendedLimits(ctypes.Structure):
    _fields_ = (
        ("basic", _BasicLimits),
        ("io", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peak_process_memory", ctypes.c_size_t),
        ("peak_job_memory", ctypes.c_size_t),
    )


class _Label(ctypes.Structure):
    _fields_ = (("sid", ctypes.c_void_p), ("attributes", ctypes.c_uint32))


if sys.platform == "win32":

    def job(confinement: Confinement) -> None:
        """Put this process into a job of its own: its memory, no other process, no user interface, no survival.

        Raises:
            Missing: The system refuses.
        """
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateJobObjectW.restype = ctypes.c_void_p
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        handle = ctypes.c_void_p(kernel.CreateJobObjectW(None, None))  # stays open: the job ends with its last handle
        limits = _ExtendedLimits()
        limits.basic.flags = _LIMIT_ACTIVE_PROCESS | _LIMIT_DIE_ON_UNHANDLED | _LIMIT_KILL_ON_CLOSE
        limits.basic.active_processes = 1
        if confinement.job is not Job.COMPILE:
            limits.basic.flags |= _LIMIT_PROCESS_MEMORY
            limits.process_memory = _BASE_BYTES + confinement.data_bytes
        if confinement.cpu_seconds is not None:
            limits.basic.flags |= _LIMIT_PROCESS_TIME
            limits.basic.process_time = confinement.cpu_seconds * _HUNDRED_NS
        interface = ctypes.c_uint32(_UI_ALL)
        for what, value in ((_EXTENDED_LIMITS, limits), (_UI_RESTRICTIONS, interface)):
            if not kernel.SetInformationJobObject(handle, what, ctypes.byref(value), ctypes.sizeof(value)):
                raise Missing(f"SetInformationJobObject: error {ctypes.get_last_error()}")
        if not kernel.AssignProcessToJobObject(handle, ctypes.c_void_p(kernel.GetCurrentProcess())):
            raise Missing(f"AssignProcessToJobObject: error {ctypes.get_last_error()}")

    def mitigations(confinement: Confinement) -> None:
        """Take away ways to make code, load libraries, start processes, and reach the window manager.

        Raises:
            Missing: The system refuses one.
        """
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        for what, (number, flags) in _POLICIES.items():
            if what == _DYNAMIC_CODE and (confinement.late_code or confinement.job is Job.COMPILE):
                continue
            policy = ctypes.c_uint32(flags)
            if not kernel.SetProcessMitigationPolicy(number, ctypes.byref(policy), ctypes.sizeof(policy)):
                raise Missing(f"{what}: error {ctypes.get_last_error()}")

    def token(_: Confinement) -> None:
        """Give up every privilege, and all trust: an untrusted process may write to nothing of the user's.

        Raises:
            Missing: The system refuses.
        """
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        security = ctypes.WinDLL("advapi32", use_last_error=True)
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        own = ctypes.c_void_p()
        sid = ctypes.c_void_p()
        label = _Label()
        if not security.OpenProcessToken(ctypes.c_void_p(kernel.GetCurrentProcess()), _TOKEN_ADJUST, ctypes.byref(own)):
            raise Missing(f"OpenProcessToken: error {ctypes.get_last_error()}")
        try:
            if not security.AdjustTokenPrivileges(own, 1, None, 0, None, None):
                raise Missing(f"AdjustTokenPrivileges: error {ctypes.get_last_error()}")
            if not security.ConvertStringSidToSidW(_UNTRUSTED, ctypes.byref(sid)):
                raise Missing(f"ConvertStringSidToSid: error {ctypes.get_last_error()}")
            label.sid, label.attributes = sid.value, _SE_GROUP_INTEGRITY
            if not security.SetTokenInformation(own, _TOKEN_INTEGRITY, ctypes.byref(label), ctypes.sizeof(label)):
                raise Missing(f"SetTokenInformation: error {ctypes.get_last_error()}")
        finally:
            kernel.LocalFree(sid)
            kernel.CloseHandle(own)

    LAYERS: Final = (
        Layer("job", Stage.ENTRY, job),
        Layer("token", Stage.LOADED, token),
        Layer("mitigations", Stage.LAST, mitigations),
    )
    """In the order in which they are applied."""

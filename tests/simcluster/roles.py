"""PVE's privileges and built-in roles (pve-access-control PVE/AccessControl.pm), as far as the simulation's paths use them."""

from __future__ import annotations

_COMMON = """Datastore.Allocate Datastore.AllocateSpace Datastore.AllocateTemplate Datastore.Audit Group.Allocate Mapping.Audit
Mapping.Modify Mapping.Use Permissions.Modify Pool.Allocate Pool.Audit Realm.Allocate Realm.AllocateUser SDN.Allocate SDN.Audit
SDN.Use Sys.AccessNetwork Sys.Audit Sys.Console Sys.Incoming Sys.Modify Sys.PowerMgmt Sys.Syslog User.Modify VM.Allocate VM.Audit
VM.Backup VM.Clone VM.Config.CDROM VM.Config.CPU VM.Config.Cloudinit VM.Config.Disk VM.Config.HWType VM.Config.Memory
VM.Config.Network VM.Config.Options VM.Console VM.Migrate VM.PowerMgmt VM.Snapshot VM.Snapshot.Rollback"""
_GUEST_AGENT = """VM.GuestAgent.Audit VM.GuestAgent.FileRead VM.GuestAgent.FileSystemMgmt VM.GuestAgent.FileWrite
VM.GuestAgent.Unrestricted VM.Replicate"""


def privileges(flavour: str) -> frozenset[str]:
    """Give all privileges of a PVE release; 9 dropped VM.Monitor and added the guest agent's and VM.Replicate."""
    return frozenset(_COMMON.split()) | (frozenset({"VM.Monitor"}) if flavour == "8" else frozenset(_GUEST_AGENT.split()))


def builtin(flavour: str) -> dict[str, frozenset[str]]:
    """Give the built-in roles by name."""
    every = privileges(flavour)
    vm = frozenset(name for name in every if name.startswith("VM."))
    root_only = frozenset({"Permissions.Modify", "Realm.Allocate", "Sys.Modify", "Sys.PowerMgmt", "Sys.Incoming", "Sys.AccessNetwork"})
    user = frozenset({"VM.Audit", "VM.Backup", "VM.Config.CDROM", "VM.Config.Cloudinit", "VM.Console", "VM.PowerMgmt"})
    return {
        "Administrator": every,
        "NoAccess": frozenset(),
        "PVEAdmin": every - root_only,
        "PVEAuditor": frozenset(name for name in every if name.endswith(".Audit")),
        "PVEDatastoreAdmin": frozenset(name for name in every if name.startswith("Datastore.")),
        "PVEPoolUser": frozenset({"Pool.Audit"}),
        "PVESysAdmin": frozenset({"Sys.Audit", "Sys.Console", "Sys.Syslog"}),
        "PVEVMAdmin": vm,
        "PVEVMUser": user,
    }

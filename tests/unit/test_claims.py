"""What the product promises about limits, drains and faults, line by line, with the tests that show it; each named test has to exist."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
HTTPS = "integration/test_faults_https_cluster.py::"
FAULT = "integration/test_faults_https.py::test_fault"
DRAIN = "engine/test_drain.py::"
HELD, RELEASE = "engine/test_drained_node.py::", "engine/test_release.py::"
ROLLING = "engine/test_rolling.py::"
AGAIN, NOTES, SPARE = "engine/test_again.py::", "unit/planner/explain/test_warnings.py::", "unit/planner/objective/test_headroom.py::"
DRAINED = "unit/benchmark/test_drains.py::"
GROUPS, RACKS = "unit/planner/problem/test_tags_and_pools.py::", "unit/planner/problem/test_domains.py::"
BALANCE, EMPTY = "unit/planner/test_balance.py::", "unit/planner/test_drain.py::"
HARDWARE, MEANWHILE = "unit/planner/problem/test_hardware.py::", "engine/test_hardware.py::"
PRECONDITIONS, INSPECT = "unit/pve/read/test_preconditions.py::", "unit/pve/read/test_candidates.py::"

# Promise -> tests, as path::function, or path::function[case] where the case is named in the file; a path alone is a story.
LIMITS: dict[str, tuple[str, ...]] = {
    "PVE 9 rules: node affinity with priorities and strict, both signs": (
        "unit/pve/read/test_ha.py::test_rules_of_pve_9", f"{BALANCE}test_node_rules_bind",
        f"{EMPTY}test_next_priority_of_a_node_rule_is_used",
        f"{EMPTY}test_strict_rule_without_another_node_blocks",
        "unit/planner/objective/test_score.py::test_avoided_nodes_count_and_are_not_chosen",
        "scenarios/pve9-node-rule",
    ),
    "PVE 8 groups (restricted)": (
        "unit/pve/read/test_ha.py::test_groups_of_pve_8", "scenarios/pve8-groups",
        f"{DRAIN}test_ha_guests_that_ha_cannot_place_are_moved_by_us_or_named",
    ),
    "positive sets move together": (f"{BALANCE}test_together_moves_as_a_unit_one_after_the_other", f"{EMPTY}test_together_leaves_together"),
    "negative ones never meet, not even in an intermediate step": (
        f"{BALANCE}test_apart_is_kept_at_every_step", f"{EMPTY}test_apart_guests_never_meet", "scenarios/apart-rule-on-drain",
    ),
    "ProxLB's tags: ignore, affinity, anti-affinity, pin": (
        f"{GROUPS}test_an_ignored_guest_stays", f"{GROUPS}test_affinity_moves_together", f"{GROUPS}test_anti_affinity_never_meets",
        f"{GROUPS}test_pins_allow_any_of_their_nodes_whatever_the_case", f"{GROUPS}test_a_pin_to_nowhere_keeps_the_guest_and_warns",
        f"{GROUPS}test_a_set_on_several_nodes_is_brought_together_the_cheapest_way", "scenarios/proxlb-tags-on-drain",
    ),
    "the same by pool in prs.conf": (
        f"{GROUPS}test_an_ignored_pool_stays", f"{GROUPS}test_a_pool_keeps_together_or_apart",
        "unit/config/test_load.py::test_pools_and_domains",
        f"{GROUPS}test_the_nodes_of_a_pool_bind_or_are_preferred", "unit/config/test_mistakes.py::test_mistakes_in_pools_and_domains",
    ),
    "failure domains: apart rules hold across racks": (
        f"{RACKS}test_a_guest_stays_in_its_rack_or_goes_to_a_free_one", f"{RACKS}test_every_kind_of_apart_rule_holds_across_racks",
        f"{RACKS}test_more_guests_than_racks_hold_by_node_and_the_plan_says_so", f"{RACKS}test_two_in_one_rack_are_parted_and_it_is_said",
        f"{RACKS}test_the_gate_counts_a_guest_under_way_in_both_racks", "scenarios/racks-and-pools",
        "unit/planner/test_properties.py::test_balance_breaks_nothing_and_never_makes_it_worse",
    ),
    "PVE's own auto-rebalance: HA guests are left to it (per-resource flag), unless the admin says otherwise; a warning says so": (
        f"{BALANCE}test_migrating_and_auto_rebalanced_guests_are_left", f"{EMPTY}test_ha_guests_are_moved_even_with_auto_rebalance",
        "unit/pve/read/test_ha.py::test_auto_rebalance_works_with_static_or_dynamic_only",
        "unit/pve/read/test_snapshot.py::test_flags_of_ha_resources",
        f"{NOTES}test_pves_own_auto_rebalance_balances_what_it_is_told_to", f"{NOTES}test_the_administrator_may_have_both_balance",
        f"{NOTES}test_a_drain_warns_of_guests_that_come_back",
    ),
    "a guest is never put where the HA manager would send it back (failback, nofailback)": (
        f"{NOTES}test_without_failback_a_drain_may_use_any_node_that_the_rule_allows",
        "unit/pve/read/test_ha.py::test_what_the_resources_say_of_moves",
        f"{NOTES}test_balancing_keeps_to_what_a_rule_prefers_even_without_failback",
    ),
    "a backup lock is waited for, up to a limit": (
        "scenarios/backup-at-the-start", "scenarios/backup-lock", f"{NOTES}test_a_lock_that_ends_by_itself_is_waited_for_last",
        f"{AGAIN}test_a_guest_in_backup_is_planned_and_moved_when_it_is_over", f"{AGAIN}test_a_lock_that_comes_later_holds_nobody_up",
        f"{AGAIN}test_a_lock_that_outlasts_the_wait", f"{AGAIN}test_when_the_lock_is_gone_pve_decides",
        f"{AGAIN}test_a_guest_under_ha_in_backup", f"{NOTES}test_other_locks_block",
    ),
    "N+1 headroom: flagged by default, and can be forbidden": (
        f"{SPARE}test_only_the_sum_fits", f"{SPARE}test_a_drain_that_leaves_no_room_is_flagged", "scenarios/no-room-for-another-loss",
        f"{SPARE}test_a_drain_that_leaves_no_room_can_be_forbidden", f"{SPARE}test_balancing_may_not_take_the_room_away",
        "integration/test_drain_command.py::test_no_room_for_another_loss_is_told_or_refused",
    ),
    "storage present and with room on the target, several disks": (
        f"{EMPTY}test_storages_bind_by_name_and_room", f"{INSPECT}test_a_storage_that_a_node_lacks",
        f"{PRECONDITIONS}test_all_volumes_that_travel_are_listed_with_their_size",
    ),
    "storage room per storage with several disks, thin pools": (
        f"{EMPTY}test_several_disks_need_room_together_on_each_storage",
        "unit/pve/read/test_disks.py::test_a_thin_pool_in_a_volume_group_that_is_a_storage_too",
        "unit/pve/read/test_disks.py::test_thin_volumes_together_count_for_no_more_than_is_used",
        "unit/pve/read/test_disks.py::test_two_datasets_of_one_pool_share_its_free_space",
    ),
    "shared storages counted once": (
        f"{INSPECT}test_all_that_a_vm_has_on_local_storages_travels_and_nothing_shared",
        f"{PRECONDITIONS}test_a_container_with_local_volumes",
    ),
    "linked clones, snapshots on local disks, local ISO and CD-ROM": (
        f"{PRECONDITIONS}test_a_disk_that_cannot_travel_keeps_the_guest", f"{PRECONDITIONS}test_snapshots_of_local_disks",
        f"{PRECONDITIONS}test_snapshots_that_are_chains_of_volumes_are_not_copied",
    ),
    "cloud-init, EFI and TPM volumes": (
        f"{PRECONDITIONS}test_the_state_of_a_tpm_and_of_efi_travel_with_the_guest",
        f"{INSPECT}test_all_that_a_vm_has_on_local_storages_travels_and_nothing_shared",
    ),
    "unlike CPU models with cpu type host (warn or exclude)": (
        f"{HARDWARE}test_why_a_guest_may_not_go_there", f"{HARDWARE}test_unlike_cpus_are_excluded_or_warned_of",
        "unit/pve/read/test_node_facts.py::test_what_ties_a_vm_to_its_nodes_cpu", "scenarios/drain-to-unlike-nodes",
        f"{MEANWHILE}test_a_vm_of_cpu_type_host_moves_to_another_cpu_only_where_that_is_allowed",
    ),
    "newer to older QEMU never": (
        f"{HARDWARE}test_a_plan_keeps_away_from_an_older_node", f"{HARDWARE}test_a_detour_over_a_newer_node_is_found_out",
        f"{HARDWARE}test_a_drain_from_old_to_new_works_and_back_only_with_the_machines_stopped", "scenarios/drain-to-unlike-nodes",
        f"{ROLLING}test_a_rolling_upgrade_never_goes_from_new_to_old", f"{MEANWHILE}test_what_has_changed_since_the_plan_stops_the_step",
    ),
    "missing bridge on the target, other architecture never": (
        f"{HARDWARE}test_why_a_guest_may_not_go_there", "scenarios/drain-to-unlike-nodes",
        "unit/pve/read/test_node_facts.py::test_bridges_that_the_account_may_not_see_are_not_judged_and_named_once",
        f"{MEANWHILE}test_what_has_changed_since_the_plan_stops_the_step",
    ),
    "ballooning and ZFS ARC understood": (
        f"{HARDWARE}test_a_squeezed_guest_needs_room_for_what_it_takes_back", f"{HARDWARE}test_growth_is_not_load",
        f"{MEANWHILE}test_a_squeezed_vm_does_not_go_where_it_would_grow_too_large",
        f"{MEANWHILE}test_a_drain_counts_what_a_squeezed_vm_uses_now", "unit/pve/read/test_load.py::test_the_cache_of_a_simulated_node",
        "unit/pve/read/test_load.py::test_cache_of_zfs_beyond_its_floor_is_not_used_memory",
    ),
    "replication: its target is preferred, only what changed travels": (
        f"{EMPTY}test_replication_target_only", f"{INSPECT}test_snapshots_travel_with_replication",
        f"{EMPTY}test_only_what_changed_travels_to_the_target_of_a_replication",
    ),
    "passthrough and mapped resources": (
        f"{PRECONDITIONS}test_a_device_of_the_node_keeps_the_guest", "scenarios/drain-with-passthrough",
        f"{PRECONDITIONS}test_a_mapped_device_moves_offline_or_when_marked_for_live_migration",
    ),
    "locks, templates, paused, io-error, suspended, unknown states; HA's error state is left alone": (
        f"{BALANCE}test_guests_that_stay_say_why", f"{BALANCE}test_paused_guests_and_allowed_containers_move", "scenarios/backup-lock",
    ),
    "guests just started or moved (no metrics yet) stay put": (
        "unit/pve/read/test_snapshot.py::test_a_guest_that_has_just_started_has_no_load_yet", f"{BALANCE}test_guests_that_stay_say_why",
        "unit/pve/read/test_resources.py::test_why_a_load_is_not_known",
    ),
    "containers only if allowed, bind mounts": (
        f"{EMPTY}test_containers_need_permission", f"{INSPECT}test_a_containers_bind_mount_keeps_it",
        f"{PRECONDITIONS}test_a_containers_mounts_and_devices",
    ),
    "memory with a per-node reserve": (f"{BALANCE}test_precondition_and_reserve", "scenarios/drain-without-room"),
    "the verdict is checked against PVE's own precondition call": (
        f"{INSPECT}test_calls_for_each_guest_and_node_and_none_for_the_others",
        f"{PRECONDITIONS}test_nodes_are_refused_with_reasons_and_an_empty_entry_is_none",
    ),
}  # fmt: skip
DRAINS: dict[str, tuple[str, ...]] = {
    "one verb for HA and other guests, running and stopped": (
        f"{DRAIN}test_ha_guests_leave_by_the_plan_and_the_mode_comes_last", "scenarios/drain-running-and-stopped",
        "engine/test_faults.py::test_ha_guest_is_done_only_when_it_has_moved",
    ),
    "HA guests leave by the plan, HA maintenance mode comes last": (
        f"{DRAIN}test_ha_guests_leave_by_the_plan_and_the_mode_comes_last",
        "engine/test_crash.py::test_dies_at_many_points[HA maintenance]",
    ),
    "without the helper, or when it fails, as before": (
        f"{DRAIN}test_without_helper_everything_is_ours", f"{DRAIN}test_a_helper_that_refuses_is_told_of_and_worked_around",
        f"{DRAIN}test_a_helper_that_changes_nothing", f"{DRAIN}test_maintenance_that_somebody_else_began_is_not_ended_by_us",
    ),
    "an order in which every intermediate state fits, with parking": (
        f"{EMPTY}test_room_is_made_by_moving_others", "unit/planner/test_properties.py::test_moves_of_one_round_fit_in_any_order",
    ),
    "empty is what the cluster shows": (
        "integration/test_drain_command.py::test_drain_status_plan_release", f"{HTTPS}test_kill_9_anywhere",
    ),
    "a guest that appears during the drain is drained too": (
        "scenarios/appears-during-drain", "engine/test_faults.py::test_fault[guest appears]",
    ),
    "a guest whose target has closed or filled up meanwhile gets another one": (
        f"{HELD}test_a_job_that_was_already_under_way_sends_no_more_guests_there", "scenarios/target-dies",
    ),
    "bring back: everyone that nobody else has moved, keeping rules, skipping what no longer fits": (
        f"{RELEASE}test_bring_back_ends_maintenance_and_returns_everyone", f"{HELD}test_a_second_drain_of_the_node_keeps_the_first_hold",
        f"{RELEASE}test_bring_back_leaves_alone_what_others_have_moved_and_what_no_longer_fits",
        "integration/test_drain_command.py::test_drain_status_plan_release",
    ),
    "the drained state survives restarts and is respected by balancing until it is released": (
        f"{HELD}test_a_drained_node_gets_nothing_until_it_is_released", f"{HELD}test_an_empty_node_is_held_too",
        f"{HELD}test_a_cancelled_drain_releases_its_node_and_ends_maintenance", f"{HELD}test_no_release_while_the_drain_goes_on",
        f"{RELEASE}test_a_way_back_that_cannot_end_maintenance_keeps_the_hold",
        "integration/test_drain_command.py::test_release_without_bringing_back",
    ),
    "the drained state is respected by every host, whoever leads, and can be ended from any": (
        "engine/test_holds.py::test_another_leader_sends_nothing_to_the_drained_node",
        "engine/test_holds.py::test_a_release_elsewhere_is_taken_over_by_the_host_that_drained",
        "engine/test_holds.py::test_ha_maintenance_is_told_and_ended_from_elsewhere",
        "engine/test_holds.py::test_a_release_without_quorum_is_made_good_later",
        "engine/test_holds.py::test_without_the_helper_the_hold_is_this_hosts_own_and_the_job_says_so",
        "unit/cli/verbs/test_release.py::test_release_here_of_a_drain_made_elsewhere",
        "integration/test_web_jobs.py::test_a_node_drained_on_another_host_is_shown_and_can_be_released_here",
    ),
    "rolling maintenance, one node at a time": (
        f"{ROLLING}test_every_node_has_its_turn", "integration/test_drain_command.py::test_rolling_maintenance",
    ),
    "a node's backups, replications, services and Ceph daemons are gates too; noout is set for its reboot and taken back": (
        "engine/test_rolling_gates.py::test_a_gate_of_the_node", "engine/test_rolling_gates.py::test_noout_is_set_for_the_reboot_only",
        "engine/test_rolling_gates.py::test_a_flag_of_the_administrator_stays",
    ),
    "gates: quorum, previous node back and healthy, HA quiet, Ceph healthy; stops at the first that fails": (
        f"{ROLLING}test_a_shut_gate_stops_before_anything_happens", f"{ROLLING}test_it_stops_at_the_first_gate_that_stays_shut",
        f"{ROLLING}test_a_gate_that_opens_again_is_waited_for", f"{ROLLING}test_a_node_that_does_not_come_back",
        f"{ROLLING}test_a_node_that_does_not_obey", f"{ROLLING}test_a_node_that_cannot_be_emptied_is_not_rebooted",
    ),
    "rolling maintenance where quorum holds, with a QDevice also on two nodes; the right to reboot is told of before": (
        "engine/test_quorum.py::test_the_quorum_that_is_left", "engine/test_quorum.py::test_two_nodes_and_a_qdevice_have_their_turn",
        "unit/pve/check/test_check.py::test_whether_nodes_may_be_rebooted_is_told_before_anybody_tries",
        "unit/setup/test_setup.py::test_rebooting_nodes_is_a_right_to_be_asked_for_and_kept",
    ),
    "move what can leave even if something cannot": (
        "integration/test_drain_command.py::test_leave_what_is_blocked", "engine/test_leave.py::test_with_leave_the_others_go",
    ),
    "rolling maintenance survives Ctrl-C and restart": (
        f"{ROLLING}test_killed_anywhere", f"{ROLLING}test_stopped_by_the_user_and_gone_on_with",
        "integration/test_drain_command.py::test_ctrl_c_while_a_node_reboots",
    ),
}  # fmt: skip
FAULTS: dict[str, tuple[str, ...]] = {
    "target dies": (f"{HTTPS}test_target_dies",),
    "source dies": (f"{HTTPS}test_source_dies_for_good", f"{HTTPS}test_source_dies_and_comes_back"),
    "API node dies (next host is used)": (f"{HTTPS}test_api_node_dies_and_the_next_host_is_used",),
    "quorum lost and regained": (f"{FAULT}[quorum lost and regained]",),
    "a migrate task fails": (
        f"{FAULT}[a task fails]", f"{FAULT}[a task fails on every target]", "scenarios/failed-migration-goes-elsewhere",
        f"{AGAIN}test_tries_are_bounded_and_each_target_has_one", f"{AGAIN}test_what_is_not_certain_or_not_wanted_is_not_tried_again",
    ),
    "a migrate task hangs beyond its limit": (f"{FAULT}[a task hangs beyond its limit]",),
    "a migrate task is cancelled by someone else": (f"{FAULT}[a task is cancelled by someone else]",),
    "ends with migration problems although the guest has moved": (f"{FAULT}[migration problems although moved]",),
    "a hamigrate refused silently": (f"{FAULT}[hamigrate refused silently]", "scenarios/ha-refuses-silently"),
    "a guest is stopped": (f"{FAULT}[a guest is stopped]",),
    "a guest is started": (f"{FAULT}[a guest is started]",),
    "a guest is deleted": (f"{FAULT}[a guest is deleted]", f"{FAULT}[a guest is deleted in mid-migration]"),
    "a guest is locked by backup": (f"{FAULT}[a guest is locked by backup for a while]", f"{FAULT}[a guest stays locked by backup]"),
    "a guest is moved by someone else": (f"{FAULT}[a guest is moved by someone else]",),
    "credentials expire or the user is disabled": (f"{HTTPS}test_the_login_stops_working", f"{HTTPS}test_the_login_works_again_soon"),
    "596 on a POST whose task did start": (
        f"{FAULT}[596 on a POST whose task did start]", f"{AGAIN}test_a_request_without_answer_to_a_node_that_dies_is_not_sent_again",
    ),
    "journal disk full": (f"{HTTPS}test_journal_disk_full",),
    "clock jumps": (f"{HTTPS}test_clock_jumps",),
    "two daemons": (f"{HTTPS}test_two_daemons",),
    "kill -9 anywhere": (
        f"{HTTPS}test_kill_9_anywhere", "integration/test_kill.py::test_killed", "engine/test_crash.py::test_dies_at_many_points",
    ),
    "a second drain of another node": (f"{HTTPS}test_second_drain_of_another_node",),
    "randomised jobs with random faults from a seed": ("soak/test_soak.py::test_seed", "soak/test_soak.py::test_a_lie_is_found"),
}  # fmt: skip
INSTANCES: dict[str, tuple[str, ...]] = {
    "instances with rules: no rule broken, no node overfilled at any step": (f"{DRAINED}test_levelling_breaks_no_rule",),
    "instances with drains: every feasible one is finished": (f"{DRAINED}test_a_drain_that_can_be_done_is_done",),
    "instances with drains: every infeasible one is refused with a true blocker": (
        f"{DRAINED}test_a_drain_that_cannot_be_done_is_refused_with_a_true_blocker",
    ),
}
CLAIMS = {**LIMITS, **DRAINS, **FAULTS, **INSTANCES}


@pytest.mark.parametrize("claim", CLAIMS)
def test_each_promise_has_its_tests(claim: str) -> None:
    """Every named test is there."""
    assert CLAIMS[claim]
    for name in CLAIMS[claim]:
        path, _, function = name.partition("::")
        if not function:
            assert (TESTS / path / "expected.log").is_file(), name
            continue
        function, _, case = function.partition("[")
        text = (TESTS / path).read_text()
        assert function in {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}, name
        assert not case or f'"{case.removesuffix("]")}"' in text, name

// What a plan makes of the nodes when only some of its guests move. Pure: no component, no request.
Ext.define('PRS.Loads', {
    singleton: true,

    resources: ['memory', 'cpu', 'disk'],

    // `skip` is a Set of vmids that stay. Gives {nodes: {name: {load.., guests, in, out}}, spread, bytes, seconds, count}.
    after: function (plan, cluster, skip) {
        let me = this;
        let totals = {};
        ((cluster && cluster.nodes) || []).forEach((node) => {
            totals[node.name] = node;
        });
        let nodes = {};
        let start = skip.size ? plan.before : plan.after;
        start.forEach((load) => {
            nodes[load.node] = Ext.apply({}, { in: 0, out: 0 }, load);
        });
        let moves = plan.moves.filter((move) => !skip.has(move.vmid));
        moves.forEach((move) => {
            let [source, target] = [nodes[move.source], nodes[move.target]];
            if (!source || !target) {
                return;
            }
            source.out++;
            target.in++;
            if (skip.size) {
                source.guests--;
                target.guests++;
                me.shift(move, source, totals[move.source], -1);
                me.shift(move, target, totals[move.target], 1);
            }
        });
        return {
            nodes: nodes,
            spread: skip.size ? me.spread(Object.values(nodes), plan, totals) : plan.spread_after,
            bytes: Ext.Array.sum(moves.map((move) => move.bytes)),
            seconds: me.seconds(plan, moves),
            count: moves.length,
            moves: moves,
        };
    },

    shift: function (move, load, node, sign) {
        this.resources.forEach((resource) => {
            let total = node && node[resource] && node[resource].total;
            if (total) {
                load[resource] += (sign * move[resource]) / total;
            }
        });
    },

    // Fullest less emptiest of the nodes that take part; of all resources the widest by weight, without nodes that have none of it.
    spread: function (loads, plan, totals) {
        let weights = Object.fromEntries(plan.weights);
        let has = (load, resource) => {
            let node = totals[load.node];
            return load.active && (!node || !node[resource] || node[resource].total > 0);
        };
        let levelled = plan.method === 'all' ? this.resources : [plan.method];
        let spreads = levelled.map((resource) => {
            let use = loads.filter((load) => has(load, resource)).map((load) => load[resource]);
            let spread = use.length ? Math.max(...use) - Math.min(...use) : 0;
            return spread * Ext.valueFrom(weights[resource], 1);
        });
        return Math.max(...spreads);
    },

    // A plan's rounds run one after the other, so the share of their longest moves is the share of the time.
    seconds: function (plan, moves) {
        let rounds = function (list) {
            let longest = {};
            list.forEach((move) => {
                longest[move.round] = Math.max(longest[move.round] || 0, move.seconds);
            });
            return Ext.Array.sum(Object.values(longest));
        };
        let all = rounds(plan.moves);
        return all ? (plan.seconds * rounds(moves)) / all : 0;
    },

    // Whether the cluster has nothing on the node that a drain should have moved or shut down; templates run nowhere and stay.
    empty: function (cluster, job) {
        let node = cluster.nodes.find((one) => one.name === job.node);
        let options = Object.fromEntries(job.plan ? job.plan.options : []);
        let left = cluster.guests.filter((guest) => guest.node === job.node && !guest.template);
        let off = (job.rides || []).filter((ride) => ['stopped', 'skipped'].includes(ride.state));
        let may = (guest) => options.stopped === 'no' || off.some((one) => one.vmid === guest.vmid);
        let counts = (guest) => guest.status !== 'stopped' || !may(guest);
        return !!node && !node.hidden && !left.some(counts);
    },

    // What is seen now of a drain that has ended: its node is `released` since, or kept empty and `empty`, or has `guests`.
    // Undefined for every other job, and where the cluster was read before the end.
    drained: function (cluster, job) {
        if (job.kind !== 'drain' || !job.ended || cluster.taken < job.ended) {
            return undefined;
        }
        let node = cluster.nodes.find((one) => one.name === job.node);
        if (!node || !node.held || node.held.job !== job.id) {
            return 'released';
        }
        return this.empty(cluster, job) ? 'empty' : 'guests';
    },

    // Whether nodes or guests are not where the plan saw them.
    changed: function (plan, cluster) {
        let homes = new Map(cluster.guests.map((guest) => [guest.vmid, guest.node]));
        let first = new Map();
        plan.moves.forEach((move) => {
            if (!first.has(move.vmid)) {
                first.set(move.vmid, move.source);
            }
        });
        plan.stays.forEach((stay) => first.set(stay.vmid, stay.node));
        let moved = [...first].some(([vmid, node]) => homes.get(vmid) !== node);
        let online = new Set(cluster.nodes.filter((node) => node.online).map((node) => node.name));
        let lost = plan.moves.some((move) => !online.has(move.source) || !online.has(move.target));
        return moved || lost;
    },

    // "7 migrations, 84 GiB, about 6 min"
    numbers: function (sum) {
        let parts = [PRS.Format.migrations(sum.count), PRS.Format.size(sum.bytes)];
        return [...parts, PRS.Format.about(sum.seconds)].join(', ');
    },
});

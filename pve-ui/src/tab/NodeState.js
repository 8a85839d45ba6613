// What is special about a node, as a word, an icon and a sentence. Pure: no component, no request.
Ext.define('PRS.NodeState', {
    singleton: true,

    // [word, icon, colour]; online nodes need no word.
    looks: () => ({
        offline: [gettext('offline'), 'times-circle', 'critical'],
        maintenance: [gettext('maintenance'), 'wrench', ''],
        held: [gettext('kept empty'), 'lock', ''],
        problem: [gettext('problem'), 'question-circle', 'warning'],
        online: ['', 'building', ''],
    }),

    of: function (node) {
        if (!node.online) {
            return 'offline';
        }
        if (node.ha === 'maintenance') {
            return 'maintenance';
        }
        if (node.held) {
            return 'held';
        }
        return node.problem ? 'problem' : 'online';
    },

    tip: function (node) {
        if (node.problem) {
            return node.problem;
        }
        if (node.held) {
            return this.drained(node);
        }
        if (node.ha === 'maintenance') {
            return gettext('In HA maintenance mode: HA keeps guests away from this node.');
        }
        return node.active ? '' : gettext('Not part of the balance.');
    },

    drained: function (node) {
        let { user, host, since } = node.held;
        let words = gettext('Kept empty since the drain by {0} on {1}, {2}.');
        return Ext.String.format(words, user, host, PRS.Format.when(since));
    },

    // The rows of which there is most to see, in their own order: nodes in a special state, the fullest and the emptiest,
    // and those whose load changes most.
    telling: function (rows, count) {
        let sorted = Ext.Array.sort(rows.slice(), (a, b) => (b.now || 0) - (a.now || 0));
        let extremes = new Set([...sorted.slice(0, 3), ...sorted.slice(-3)]);
        let change = (row) => Math.abs((row.after === undefined ? row.now : row.after) - row.now);
        let weight = (row) =>
            (row.state === 'online' && row.open !== false ? 0 : 4) +
            (extremes.has(row) ? 2 : 0) +
            (change(row) || 0);
        let ranked = Ext.Array.sort(rows.slice(), (a, b) => weight(b) - weight(a));
        let kept = new Set(ranked.slice(0, count));
        return rows.filter((row) => kept.has(row));
    },

    // `row` has `state` and `tip`.
    cell: function (name, meta, row) {
        let [word, icon, colour] = this.looks()[row.state];
        let whole = word ? `${name} (${word})` : name;
        meta.tdAttr = row.tip ? PRS.Format.tip(`${whole}: ${row.tip}`) : '';
        return `${PRS.Format.icon(icon, colour)} ${PRS.Format.esc(whole)}`;
    },
});

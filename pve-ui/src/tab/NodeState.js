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
            let { user, host, since } = node.held;
            let words = gettext('Kept empty since the drain by {0} on {1}, {2}.');
            return Ext.String.format(words, user, host, PRS.Format.when(since));
        }
        if (node.ha === 'maintenance') {
            return gettext('In HA maintenance mode: HA keeps guests away from this node.');
        }
        return node.active ? '' : gettext('Not part of the balance.');
    },

    // `row` has `state` and `tip`.
    cell: function (name, meta, row) {
        let [word, icon, colour] = this.looks()[row.state];
        meta.tdAttr = row.tip ? PRS.Format.tip(row.tip) : '';
        let more = word ? ` (${PRS.Format.esc(word)})` : '';
        return `${PRS.Format.icon(icon, colour)} ${PRS.Format.esc(name)}${more}`;
    },
});

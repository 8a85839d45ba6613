// Every rule that binds guests: where it comes from, whom it binds, and whether it is kept.
Ext.define('PRS.RulesGrid', {
    extend: 'Ext.grid.Panel',
    xtype: 'prsRulesGrid',

    border: false,
    ariaLabel: gettext('Rules'),
    plugins: [{ ptype: 'prsaccessible' }],
    stateful: true,
    stateId: 'grid-prs-rules',
    stateEvents: ['columnresize', 'columnmove'],
    enableColumnHide: false,
    viewConfig: { trackOver: false, deferEmptyText: false },

    statics: {
        // Each state's icon, class and words.
        states: () => ({
            broken: ['times-circle', 'critical', gettext('Broken')],
            unmet: ['ban', 'critical', gettext('Cannot be met')],
            unknown: ['question-circle', 'warning', gettext('Not all seen')],
            missed: ['info-circle', '', gettext('Preference missed')],
            kept: ['check', 'good', gettext('Kept')],
        }),

        what: function (rule) {
            let nodes = rule.nodes.join(', ');
            let words = {
                together: gettext('Together'),
                apart: rule.wide ? gettext('Apart, also across racks') : gettext('Apart'),
                nodes: rule.avoid ? gettext('Not on {0}') : gettext('On {0}'),
                domain: gettext('Counts as one place: {0}'),
                alone: gettext('Left alone'),
            };
            let what = Ext.String.format(words[rule.kind] || rule.kind, nodes);
            return rule.strict ? what : `${what} (${gettext('preferred')})`;
        },

        source: (rule) => {
            let words = {
                'HA rule': gettext('HA rule'),
                'HA group': gettext('HA group'),
                tag: gettext('Tag'),
                pool: gettext('Pool'),
                configuration: gettext('Configuration'),
                location: gettext('Location'),
            };
            return words[rule.source] || rule.source;
        },
    },

    tbar: { border: false, items: ['->', { xtype: 'prsFilterField' }] },

    store: { fields: ['id', 'state', 'name', 'source', 'what', 'guests', 'reason', 'find'] },

    columns: [
        {
            text: gettext('State'),
            dataIndex: 'state',
            width: 150,
            renderer: function (value, meta) {
                let [icon, cls, words] = PRS.RulesGrid.states()[value] || ['', '', value];
                meta.tdAttr = PRS.Format.tip(words);
                return `${PRS.Format.icon(icon, cls)} ${PRS.Format.esc(words)}`;
            },
        },
        PRS.Columns.text(gettext('Rule'), 'name', 190),
        PRS.Columns.text(gettext('Source'), 'source', 100, { cellWrap: true }),
        PRS.Columns.text(gettext('Wants'), 'what', 140),
        PRS.Columns.text(gettext('Guests'), 'guests', undefined, {
            flex: 3,
            minWidth: 120,
            cellWrap: true,
        }),
        PRS.Columns.words(gettext('Why'), 'reason'),
    ],

    // The rules as the service gives them.
    fill: function (rules) {
        // Not before the rules are known.
        this.setEmptyText(gettext('No rule binds a guest.'));
        let made = rules.map((rule) => this.row(rule));
        PRS.Format.sync(this.getStore(), made);
    },

    row: function (rule) {
        let names = rule.guests.map((guest) => PRS.Format.label(guest));
        if (rule.hidden) {
            names.push(Ext.String.format(gettext('{0} hidden'), rule.hidden));
        }
        let places = rule.guests.map((guest) => guest.node);
        let row = {
            id: `${rule.source} ${rule.name} ${rule.kind} ${rule.reason}`,
            state: rule.state,
            name: rule.name,
            source: PRS.RulesGrid.source(rule),
            what: PRS.RulesGrid.what(rule),
            guests: names.join(', '),
            reason: rule.reason,
        };
        let [, , state] = PRS.RulesGrid.states()[rule.state] || [];
        let words = [state, row.name, row.source, row.what, row.guests, row.reason, ...places];
        return { ...row, find: words.join(' ').toLowerCase() };
    },
});

// The nodes with their load now and after the plan.
Ext.define('PRS.NodesGrid', {
    extend: 'Ext.grid.Panel',
    xtype: 'prsNodesGrid',

    border: false,
    collapsible: true,
    enableColumnHide: false,
    viewConfig: { trackOver: false },

    store: {
        fields: ['id', 'guests', 'now', 'after', 'other', 'in', 'out', 'state', 'tip'],
    },

    initComponent: function () {
        let me = this;
        let bar = (text, field, itemId) => ({
            text: text,
            itemId: itemId,
            dataIndex: field,
            flex: 2,
            minWidth: 90,
            sortable: true,
            xtype: 'widgetcolumn',
            tdCls: 'x-progressbar-default-cell',
            widget: { xtype: 'prsBar' },
            onWidgetAttach: (column, widget, record) => {
                widget.el.set({ 'aria-label': `${record.getId()}: ${column.text}` });
            },
        });
        me.columns = [
            {
                text: gettext('Node'),
                dataIndex: 'id',
                flex: 1,
                minWidth: 100,
                renderer: function (value, meta, record) {
                    let { state, tip } = record.data;
                    meta.tdAttr = tip ? PRS.Format.tip(tip) : '';
                    let icon = {
                        offline: ['times-circle', 'critical'],
                        maintenance: ['wrench', ''],
                        'kept empty': ['lock', ''],
                        problem: ['question-circle', 'warning'],
                        online: ['building', ''],
                    }[state];
                    let word = state === 'online' ? '' : ` (${PRS.Format.esc(gettext(state))})`;
                    return `${PRS.Format.icon(...icon)} ${PRS.Format.esc(value)}${word}`;
                },
            },
            { text: gettext('Guests'), dataIndex: 'guests', width: 90, sortable: false },
            bar(gettext('Now'), 'now', 'now'),
            bar(gettext('After'), 'after', 'after'),
            bar('', 'other', 'other'),
            { text: gettext('In'), dataIndex: 'in', itemId: 'in', width: 55, align: 'right' },
            { text: gettext('Out'), dataIndex: 'out', itemId: 'out', width: 55, align: 'right' },
        ];
        me.callParent();
    },

    // `sum` is what PRS.Loads.after gives, undefined without a plan.
    fill: function (cluster, method, plan, sum) {
        let me = this;
        let label = Object.fromEntries(PRS.Format.methods());
        let other = method === 'cpu' ? 'memory' : 'cpu';
        let before = {};
        ((plan && plan.before) || []).forEach((load) => {
            before[load.node] = load;
        });
        let rows = cluster.nodes.map((node) => {
            let later = sum && sum.nodes[node.name];
            let now = (sum && before[node.name]) || {};
            let guests = node.guests;
            if (later && now.guests !== undefined && later.guests !== now.guests) {
                guests = `${now.guests} → ${later.guests}`;
            }
            let known = (resource, value) =>
                node.online && node[resource].total ? value : undefined;
            return {
                id: node.name,
                guests: guests,
                now: known(method, now[method] === undefined ? node[method].load : now[method]),
                after: known(method, later && later[method]),
                other: known(other, node[other].load),
                in: later ? later.in : '',
                out: later ? later.out : '',
                state: me.stateOf(node),
                tip: me.tipOf(node),
            };
        });
        PRS.Format.sync(me.getStore(), rows);
        let planned = !!sum;
        me.down('#after').setHidden(!planned);
        me.down('#in').setHidden(!planned);
        me.down('#out').setHidden(!planned);
        me.down('#other').setText(Ext.String.format(gettext('{0} now'), label[other]));
        let title = planned ? gettext('Nodes: {0}, now and after the plan') : gettext('Nodes: {0}');
        me.setTitle(Ext.String.format(title, label[method]));
    },

    stateOf: function (node) {
        if (!node.online) {
            return 'offline';
        }
        if (node.ha === 'maintenance') {
            return 'maintenance';
        }
        if (node.held) {
            return 'kept empty';
        }
        return node.problem ? 'problem' : 'online';
    },

    tipOf: function (node) {
        if (node.problem) {
            return node.problem;
        }
        if (node.held) {
            let words = gettext('Kept empty since the drain by {0} on {1}, {2}.');
            let held = node.held;
            return Ext.String.format(words, held.user, held.host, PRS.Format.when(held.since));
        }
        if (node.ha === 'maintenance') {
            return gettext('In HA maintenance mode: HA keeps guests away from this node.');
        }
        return node.active ? '' : gettext('Not part of the balance.');
    },
});

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

    columns: [
        {
            text: gettext('Node'),
            dataIndex: 'id',
            flex: 1,
            minWidth: 100,
            renderer: (value, meta, record) => PRS.NodeState.cell(value, meta, record.data),
        },
        { text: gettext('Guests'), dataIndex: 'guests', width: 90, sortable: false },
        PRS.Columns.load(gettext('Now'), 'now'),
        PRS.Columns.load(gettext('After'), 'after', { itemId: 'after' }),
        PRS.Columns.load('', 'other', { itemId: 'other' }),
        { text: gettext('In'), dataIndex: 'in', itemId: 'in', width: 55, align: 'right' },
        { text: gettext('Out'), dataIndex: 'out', itemId: 'out', width: 55, align: 'right' },
    ],

    // `sum` is what PRS.Loads.after gives, undefined without a plan.
    fill: function (cluster, method, plan, sum) {
        let me = this;
        let label = Object.fromEntries(PRS.Format.methods());
        let other = method === 'cpu' ? 'memory' : 'cpu';
        let before = Object.fromEntries(((sum && plan.before) || []).map((one) => [one.node, one]));
        let rows = cluster.nodes.map((node) =>
            me.row(node, method, other, before[node.name] || {}, sum && sum.nodes[node.name]),
        );
        PRS.Format.sync(me.getStore(), rows);
        let planned = !!sum;
        ['after', 'in', 'out'].forEach((name) => {
            me.down(`#${name}`).setHidden(!planned);
        });
        me.down('#other').setText(Ext.String.format(gettext('{0} now'), label[other]));
        let title = planned ? gettext('Nodes: {0}, now and after the plan') : gettext('Nodes: {0}');
        me.setTitle(Ext.String.format(title, label[method]));
    },

    // `now` and `later` are a node's loads before and after the plan, as far as there is one.
    row: function (node, method, other, now, later) {
        let known = (resource, value) => (node.online && node[resource].total ? value : undefined);
        let guests = String(node.guests);
        if (later && now.guests !== undefined && later.guests !== now.guests) {
            guests = `${now.guests} → ${later.guests}`;
        }
        return {
            id: node.name,
            guests: guests,
            now: known(method, now[method] === undefined ? node[method].load : now[method]),
            after: known(method, later && later[method]),
            other: known(other, node[other].load),
            in: later ? later.in : '',
            out: later ? later.out : '',
            state: PRS.NodeState.of(node),
            tip: PRS.NodeState.tip(node),
        };
    },
});

// The nodes with their load now and after the plan; of many only those that tell something.
// Fires `avoid` with the Set of nodes that shall get no guests.
Ext.define('PRS.NodesGrid', {
    extend: 'Ext.grid.Panel',
    xtype: 'prsNodesGrid',

    // So many nodes are shown while the list is folded.
    folded: 10,
    unfolded: false,

    border: false,
    plugins: [{ ptype: 'prsaccessible' }],
    collapsible: true,
    stateful: true,
    stateId: 'grid-prs-nodes',
    listeners: PRS.Jump.listeners((row) => `node/${row.id}`),
    enableColumnHide: false,
    viewConfig: { trackOver: false, markDirty: false },

    controller: {
        xclass: 'Ext.app.ViewController',

        onFold: function () {
            let view = this.getView();
            view.unfolded = !view.unfolded;
            view.showRows();
        },

        onOpen: function (column, index, checked, record) {
            let view = this.getView();
            view.avoid[checked ? 'delete' : 'add'](record.getId());
            view.fireEvent('avoid', view, view.avoid);
        },
    },

    store: {
        fields: [
            'id',
            'open',
            'guests',
            'now',
            'nowAmount',
            'after',
            'afterAmount',
            'other',
            'otherAmount',
            'in',
            'out',
            'state',
            'tip',
        ],
    },

    columns: [
        {
            text: gettext('Node'),
            dataIndex: 'id',
            width: 116,
            cellWrap: true, // the word of a special state would be cut
            renderer: (value, meta, record) => PRS.NodeState.cell(value, meta, record.data),
        },
        { text: gettext('Guests'), dataIndex: 'guests', width: 75, sortable: false },
        PRS.Columns.load(gettext('Now'), 'now', { minWidth: 90 }),
        PRS.Columns.load(gettext('After'), 'after', { itemId: 'after', minWidth: 90 }),
        PRS.Columns.load('', 'other', { itemId: 'other', minWidth: 90 }),
        { text: gettext('In'), dataIndex: 'in', itemId: 'in', width: 55, align: 'right' },
        { text: gettext('Out'), dataIndex: 'out', itemId: 'out', width: 55, align: 'right' },
        PRS.Columns.open('onOpen'),
    ],

    bbar: {
        itemId: 'fold',
        border: false,
        hidden: true,
        items: [{ itemId: 'foldButton', handler: 'onFold' }],
    },

    // `sum` is what PRS.Loads.after gives, undefined without a plan; `avoid`: names of nodes without a tick.
    fill: function (cluster, method, plan, sum, avoid) {
        let me = this;
        me.avoid = new Set(avoid);
        let label = Object.fromEntries(PRS.Format.methods());
        let other = method === 'cpu' ? 'memory' : 'cpu';
        let before = Object.fromEntries(((sum && plan.before) || []).map((one) => [one.node, one]));
        me.rows = cluster.nodes.map((node) =>
            me.row(node, method, other, before[node.name] || {}, sum && sum.nodes[node.name]),
        );
        me.showRows();
        let planned = !!sum;
        ['after', 'in', 'out'].forEach((name) => {
            me.down(`#${name}`).setHidden(!planned);
        });
        me.down('#other').setText(Ext.String.format(gettext('{0} now'), label[other]));
        let title = planned ? gettext('Nodes: {0}, now and after the plan') : gettext('Nodes: {0}');
        me.setTitle(Ext.String.format(title, label[method]));
    },

    showRows: function () {
        let me = this;
        let many = me.rows.length > me.folded + 2;
        let folded = many && !me.unfolded;
        PRS.Format.sync(
            me.getStore(),
            folded ? PRS.NodeState.telling(me.rows, me.folded) : me.rows,
        );
        me.down('#fold').setHidden(!many);
        let words = folded ? gettext('Show all {0} nodes') : gettext('Show fewer nodes');
        me.down('#foldButton').setText(Ext.String.format(words, me.rows.length));
    },

    // `now` and `later` are a node's loads before and after the plan, as far as there is one.
    row: function (node, method, other, now, later) {
        let known = (resource, value) => (node.online && node[resource].total ? value : undefined);
        let guests = String(node.guests);
        if (later && now.guests !== undefined && later.guests !== now.guests) {
            guests = `${now.guests} → ${later.guests}`;
        }
        let loads = {
            now: known(method, now[method] === undefined ? node[method].load : now[method]),
            after: known(method, later && later[method]),
            other: known(other, node[other].load),
        };
        let amount = (resource, load) => PRS.Format.amount(resource, load, node[resource].total);
        return {
            id: node.name,
            open: node.active ? !this.avoid.has(node.name) : null,
            guests: guests,
            ...loads,
            nowAmount: amount(method, loads.now),
            afterAmount: amount(method, loads.after),
            otherAmount: amount(other, loads.other),
            in: later ? later.in : '',
            out: later ? later.out : '',
            state: PRS.NodeState.of(node),
            tip: PRS.NodeState.tip(node),
        };
    },
});

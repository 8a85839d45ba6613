// Loads of the nodes before and after a plan, without the drained one.
Ext.define('PRS.NodesAfter', {
    extend: 'Ext.grid.Panel',
    xtype: 'prsNodesAfter',

    border: false,
    ariaLabel: gettext('Nodes'),
    plugins: [{ ptype: 'prsaccessible' }],
    enableColumnHide: false,
    sortableColumns: false,
    viewConfig: { trackOver: false, markDirty: false },

    stateful: true,
    stateId: 'grid-prs-after',

    controller: {
        xclass: 'Ext.app.ViewController',

        onOpen: function () {
            let view = this.getView();
            view.fireEvent('avoid', view);
        },
    },

    store: {
        fields: ['id', 'open', 'before', 'beforeAmount', 'after', 'afterAmount'],
    },

    columns: [
        PRS.Columns.text(gettext('Node'), 'id', undefined, {
            itemId: 'name',
            width: 220,
        }),
        PRS.Columns.load(gettext('Before'), 'before', { itemId: 'before' }),
        PRS.Columns.load(gettext('After'), 'after'),
        PRS.Columns.open('onOpen'),
    ],

    // `plan` needs `before`, `after` and `method`; `left` is the node to leave out; `cluster`, for the totals, may be undefined.
    fill: function (plan, left, cluster) {
        let method = left || plan.method === 'all' ? 'memory' : plan.method;
        let label = Object.fromEntries(PRS.Format.methods())[method];
        let title = left ? gettext('Other nodes: {0}') : gettext('Nodes: {0}');
        this.down('#name').setText(Ext.String.format(title, label));
        this.down('#open').setHidden(!left);
        let closed = new Set(this.avoided());
        this.down('#before').setText(left ? gettext('Now') : gettext('Before'));
        let after = Object.fromEntries(plan.after.map((load) => [load.node, load]));
        let nodes = (cluster ? cluster.nodes : []).map((node) => [node.name, node[method].total]);
        let totals = Object.fromEntries(nodes);
        let amount = (load) => PRS.Format.amount(method, load[method], totals[load.node]);
        let rows = plan.before
            .filter((load) => load.node !== left && after[load.node])
            .map((load) => ({
                id: load.node,
                open: load.active ? !closed.has(load.node) : null,
                before: load[method],
                beforeAmount: amount(load),
                after: after[load.node][method],
                afterAmount: amount(after[load.node]),
            }));
        PRS.Format.sync(this.getStore(), rows);
    },

    // Names of the nodes that shall get no guests.
    avoided: function () {
        let closed = this.getStore()
            .getRange()
            .filter((row) => row.get('open') === false);
        return closed.map((row) => row.getId());
    },
});

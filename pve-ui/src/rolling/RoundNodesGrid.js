// The nodes that a round may take: which of them need a reboot, ticked and put in order, and how the turn of each would go.
Ext.define('PRS.RoundNodesGrid', {
    extend: 'Ext.grid.Panel',
    xtype: 'prsRoundNodes',

    border: false,
    ariaLabel: gettext('Nodes to choose from'),
    plugins: [{ ptype: 'prsaccessible' }],
    stateful: true,
    stateId: 'grid-prs-round-nodes',
    stateEvents: ['columnresize', 'columnmove'],
    enableColumnHide: false,
    sortableColumns: false,
    viewConfig: {
        trackOver: false,
        markDirty: false,
        plugins: [{ ptype: 'gridviewdragdrop', dragText: gettext('Drag to change the order') }],
        listeners: { drop: 'onOrdered' },
    },

    controller: {
        xclass: 'Ext.app.ViewController',

        onUp: function () {
            this.move(-1);
        },

        onDown: function () {
            this.move(1);
        },

        move: function (by) {
            let view = this.getView();
            let store = view.getStore();
            let [row] = view.getSelection();
            let at = store.indexOf(row) + by;
            if (at >= 0 && at < store.getCount()) {
                store.remove(row);
                store.insert(at, row);
                view.setSelection(row);
                this.onOrdered();
            }
        },

        onOrdered: function () {
            this.onTicked();
        },

        onTicked: function () {
            let view = this.getView();
            view.number();
            view.fireEvent('changed', view);
        },

        onChosen: function () {
            let view = this.getView();
            let some = PRS.Format.right(
                view.getSelection().length,
                gettext('Choose a node first.'),
            );
            PRS.Format.gate(this.lookup('up'), some, gettext('Earlier'));
            PRS.Format.gate(this.lookup('down'), some, gettext('Later'));
        },

        onNeeded: function () {
            this.tick((row) => row.get('reboot') === 'needed');
        },

        onAll: function () {
            this.tick(() => true);
        },

        onNone: function () {
            this.tick(() => false);
        },

        tick: function (wanted) {
            this.getView()
                .getStore()
                .each((row) => {
                    if (row.get('chosen') !== null) {
                        row.set('chosen', wanted(row), { commit: true });
                    }
                });
            this.onTicked();
        },

        renderNode: function (value, meta, record) {
            let marks = record.get('marks');
            meta.tdAttr = PRS.Format.tip([value, marks].filter(Boolean).join(': '));
            let more = marks ? ` <i>${PRS.Format.esc(marks)}</i>` : ''; // a paler colour is lost on a chosen row
            return PRS.Format.esc(value) + more;
        },

        renderReboot: function (value, meta, record) {
            let [icon, cls] = {
                needed: ['power-off', 'warning'],
                'not-needed': ['check', 'good'],
            }[record.get('reboot')] || ['question-circle', ''];
            return `${PRS.Format.icon(icon, cls)} ${PRS.Format.esc(value)}`;
        },

        renderDrain: function (value, meta, record) {
            return value ? PRS.Format[record.get('possible') ? 'good' : 'bad'](value) : '';
        },

        renderGates: function (value, meta, record) {
            meta.tdAttr = value ? PRS.Format.tip(record.get('names')) : '';
            return value ? PRS.Format[record.get('shut') ? 'warning' : 'good'](value) : '';
        },
    },

    tbar: {
        border: false,
        items: [
            {
                reference: 'up',
                text: gettext('Up'),
                iconCls: 'fa fa-fw fa-arrow-up',
                disabled: true,
                handler: 'onUp',
            },
            {
                reference: 'down',
                text: gettext('Down'),
                iconCls: 'fa fa-fw fa-arrow-down',
                disabled: true,
                handler: 'onDown',
            },
            '->',
            { text: gettext('Tick those that need a reboot'), handler: 'onNeeded' },
            { text: gettext('Tick all'), handler: 'onAll' },
            { text: gettext('Tick none'), handler: 'onNone' },
        ],
    },

    store: {
        fields: [
            'id',
            'chosen',
            'place',
            'guests',
            'reboot',
            'why',
            'marks',
            'drain',
            'possible',
            'gates',
            'shut',
            'names',
        ],
    },

    columns: [
        PRS.Columns.tick(gettext('Takes part'), 'chosen', 'onTicked', (row) => row.getId(), {
            width: 100,
        }),
        { text: gettext('Order'), dataIndex: 'place', width: 115, align: 'right' },
        {
            text: gettext('Node'),
            dataIndex: 'id',
            width: 140,
            cellWrap: true,
            renderer: 'renderNode',
        },
        PRS.Columns.words(gettext('Reboot'), 'why', {
            flex: 4,
            minWidth: 140,
            renderer: 'renderReboot',
        }),
        { text: gettext('Guests'), dataIndex: 'guests', width: 80, align: 'right' },
        PRS.Columns.words(gettext('Emptied by'), 'drain', { renderer: 'renderDrain' }),
        PRS.Columns.words(gettext('Gates'), 'gates', { flex: 4, renderer: 'renderGates' }),
    ],

    listeners: { selectionchange: 'onChosen' },

    // The nodes as the service orders them; those that need a reboot are ticked.
    offer: function (nodes) {
        let rows = nodes.map((node) => ({
            id: node.node,
            chosen: node.online ? node.reboot === 'needed' : null,
            guests: node.guests,
            reboot: node.reboot,
            why: PRS.BeginWords.reboot(node),
            marks: PRS.BeginWords.marks(node),
        }));
        this.getStore().loadData(rows);
        this.number();
        this.getController().onChosen();
    },

    // The names of the ticked nodes in their order.
    chosen: function () {
        let rows = this.getStore().getRange();
        return rows.filter((row) => row.get('chosen')).map((row) => row.getId());
    },

    number: function () {
        let names = this.chosen();
        this.getStore().each((row) =>
            row.set('place', names.indexOf(row.getId()) + 1 || '', { commit: true }),
        );
    },

    // The turns of a dry run; nodes that it was not asked about show none.
    preview: function (turns) {
        let found = new Map(turns.map((turn) => [turn.node, PRS.BeginWords.turn(turn)]));
        let none = { drain: '', possible: true, gates: '', shut: false, names: '' };
        this.getStore().each((row) => row.set(found.get(row.getId()) || none, { commit: true }));
    },
});

// The planned migrations; unticking a guest leaves it where it is. Fires `ticked` with the Set of vmids that stay,
// `retarget` with a move and another node for its guest.
Ext.define('PRS.PlanGrid', {
    extend: 'Ext.grid.Panel',
    xtype: 'prsPlanGrid',

    title: gettext('Planned migrations'),
    border: false,
    plugins: [{ ptype: 'prssnug' }, { ptype: 'prsretarget' }, { ptype: 'prsaccessible' }],
    collapsible: true,
    viewConfig: { trackOver: false, markDirty: false },
    stateful: true,
    stateId: 'grid-prs-plan',
    stateEvents: ['columnresize', 'columnmove', 'columnhide', 'columnshow'],

    listeners: { ...PRS.Jump.listeners(PRS.Jump.guest), resize: 'onWidth' },

    controller: {
        xclass: 'Ext.app.ViewController',

        // A guest that is moved twice (over a parking place) is one decision.
        onTick: function (column, index, checked) {
            let vmid = this.getView().getStore().getAt(index).get('vmid');
            this.take((record) => record.get('vmid') === vmid, checked);
        },

        onAll: function () {
            this.take(() => true, true);
        },

        onNone: function () {
            this.take(() => true, false);
        },

        // Ticks, or unticks, what is in sight and chosen.
        take: function (chosen, checked) {
            let view = this.getView();
            let vmids = new Set();
            view.getStore().each((record) => {
                if (chosen(record)) {
                    vmids.add(record.get('vmid'));
                }
            });
            let all = view.getStore().getData();
            (all.getSource() || all).each((record) => {
                if (vmids.has(record.get('vmid')) && record.get('take') !== checked) {
                    record.set('take', checked, { commit: true });
                }
            });
            vmids.forEach((vmid) => view.skip[checked ? 'delete' : 'add'](vmid));
            view.fireEvent('ticked', view, view.skip);
        },

        renderWhy: (value, meta, record) =>
            PRS.Format.text(meta.column.up('grid').why(record), meta),

        // On a small screen the reasons stand below their rows: as a column they would be out of sight. The two widths differ, so that
        // a scroll bar that comes with the one look does not bring the other back.
        onWidth: function (grid, width) {
            let narrow = width < (grid.narrow ? 700 : 660);
            if (narrow !== !!grid.narrow) {
                grid.narrow = narrow;
                grid.down('#why').setVisible(!narrow);
                grid.getView().refresh();
            }
        },
    },

    features: [
        {
            ftype: 'rowbody',
            getAdditionalData: function (data, index, record) {
                let { grid, view } = this;
                if (!grid.narrow) {
                    return { rowBody: '', rowBodyCls: this.rowBodyHiddenCls };
                }
                // The columns may be wider than what is in sight.
                let style = `max-width: ${view.getWidth() - 30}px; white-space: normal`;
                let body = `<div style="${style}">${PRS.Format.esc(grid.why(record))}</div>`;
                return { rowBody: body, rowBodyCls: '' };
            },
        },
    ],

    store: {
        fields: [
            'id',
            'take',
            'vmid',
            'name',
            'kind',
            'source',
            'target',
            'bytes',
            'seconds',
            'how',
            'reason',
            'find',
            'tags',
            'pool',
        ],
    },

    tbar: {
        border: false,
        items: [
            {
                text: gettext('Tick all'),
                iconCls: 'fa fa-fw fa-check-square-o',
                handler: 'onAll',
            },
            {
                text: gettext('Untick all'),
                iconCls: 'fa fa-fw fa-square-o',
                handler: 'onNone',
            },
            '->',
            { xtype: 'prsFilterField' },
        ],
    },

    columns: [
        {
            xtype: 'checkcolumn',
            dataIndex: 'take',
            text: gettext('Move'),
            width: 60,
            sortable: false,
            menuDisabled: true,
            renderer: (value, meta, record) =>
                PRS.Format.tick(value, PRS.Format.label(record.data)),
            // Else ExtJS changes the look of the cell and leaves what screen readers are told.
            updater: undefined,
            listeners: { checkchange: 'onTick' },
        },
        { text: '#', dataIndex: 'id', width: 45, align: 'right', tooltip: gettext('Order') },
        PRS.Columns.guest(),
        PRS.Columns.text(gettext('Name'), 'name', 120, { hidden: true }),
        PRS.Columns.text(gettext('Tags'), 'tags', 120, { hidden: true }),
        PRS.Columns.text(gettext('Pool'), 'pool', 100, { hidden: true }),
        PRS.Columns.text(gettext('From'), 'source', 65),
        PRS.Columns.target(gettext('To'), 80),
        PRS.Columns.copy(),
        {
            text: gettext('Time'),
            dataIndex: 'seconds',
            width: 60,
            align: 'right',
            renderer: (value) => PRS.Format.clock(value),
        },
        PRS.Columns.words(gettext('Why'), 'reason', {
            itemId: 'why',
            renderer: 'renderWhy',
            minWidth: 180,
        }),
    ],

    why: function (record) {
        let how = {
            restart: gettext('restarts the container'),
            ha: gettext('through HA'),
        }[record.get('how')];
        return [record.get('reason'), how].filter(Boolean).join('; ');
    },

    // What the width alone has hidden is not kept for other widths.
    getState: function () {
        let state = this.callParent();
        if (this.narrow && state && state.columns) {
            let why = this.down('#why').getStateId();
            state.columns.filter(({ id }) => id === why).forEach((one) => delete one.hidden);
        }
        return state;
    },

    // Without a plan, or one without migrations, there is nothing to see. `skip`: vmids that are not ticked.
    fill: function (plan, skip, cluster) {
        let me = this;
        let moves = plan ? plan.moves : [];
        me.skip = new Set(skip);
        let guests = PRS.FilterField.guests(cluster);
        let nodes = (cluster && cluster.nodes) || [];
        me.offered = nodes.filter((node) => node.online).map((node) => node.name);
        me.down('#find').empty();
        let rows = moves.map((move, index) => ({
            id: index + 1,
            take: !skip.has(move.vmid),
            find: PRS.FilterField.words(move, guests.get(move.vmid)),
            ...me.kin(guests.get(move.vmid)),
            ...move,
        }));
        me.getStore().loadData(rows);
        me.setVisible(moves.length > 0);
    },

    // What the guest belongs to; `guest` may have gone since.
    kin: (guest) => ({ tags: guest ? guest.tags.join(' ') : '', pool: guest ? guest.pool : '' }),
});

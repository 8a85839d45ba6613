// A round that has not begun: its nodes and their order, what is done at each, and what becomes of guests that cannot move.
Ext.define('PRS.RoundBegin', {
    extend: 'Ext.panel.Panel',
    xtype: 'prsRoundBegin',

    border: false,
    layout: { type: 'vbox', align: 'stretch' },
    scrollable: 'y',

    items: [
        {
            xtype: 'prsRoundNodes',
            reference: 'choice',
            flex: 1,
            minHeight: 180,
            listeners: { changed: 'onChanged' },
        },
        {
            xtype: 'prsRides',
            reference: 'rides',
            listeners: { changed: 'onChanged' },
        },
        {
            xtype: 'prsRelaxTicks',
            reference: 'relax',
            padding: '10 10 0 10',
            listeners: { change: 'onChanged' },
        },
        {
            xtype: 'container',
            padding: '10 10 0 10',
            layout: 'column',
            defaults: { margin: '0 20 0 0' },
            items: [
                {
                    xtype: 'radio',
                    reference: 'reboot',
                    name: 'prs-round-reboot',
                    boxLabel: gettext('Empty and reboot each node'),
                    checked: true,
                    listeners: { change: 'onChanged' },
                },
                {
                    xtype: 'radio',
                    name: 'prs-round-reboot',
                    boxLabel: gettext('Only empty it, and wait for me'),
                },
                {
                    xtype: 'numberfield',
                    reference: 'atOnce',
                    fieldLabel: gettext('Nodes at once, at most'),
                    labelWidth: 160,
                    width: 230,
                    value: 1,
                    minValue: 1,
                    maxValue: 16,
                    allowBlank: false,
                    allowDecimals: false,
                    listeners: { change: 'onChanged' },
                },
            ],
        },
        {
            xtype: 'container',
            padding: '5 10 10 10',
            layout: 'column',
            defaults: { xtype: 'checkbox', margin: '0 20 0 0', listeners: { change: 'onChanged' } },
            items: [
                { reference: 'hooks', boxLabel: gettext('Hooks of this site'), disabled: true },
                { reference: 'containers', boxLabel: gettext('Containers (restart)') },
                { reference: 'maintenance', boxLabel: gettext('HA maintenance mode') },
                {
                    xtype: 'numberfield',
                    reference: 'kill',
                    fieldLabel: gettext('Kill what does not shut down after (min)'),
                    labelWidth: 270,
                    width: 360,
                    minValue: 1,
                    maxValue: 60,
                    allowDecimals: false,
                    emptyText: gettext('never'),
                    hidden: true,
                },
            ],
        },
    ],

    // What GET /rounds/nodes and GET /status give. Hooks are known after a dry run only.
    offer: function (nodes, status) {
        let me = this;
        me.hooks = undefined;
        me.part('choice').offer(nodes);
        me.part('atOnce').setValue(1);
        me.part('containers').setValue(status.defaults.containers);
        let { maintenance } = status.may;
        me.part('maintenance').setValue(maintenance.allowed);
        me.gate('maintenance', maintenance);
        me.gate('hooks', PRS.Format.right(false, gettext('The dry run tells which there are.')));
        me.part('rides').fill([]);
        me.part('relax').forget();
        me.part('kill').hide();
    },

    // By its reference, which the window's controller knows.
    part: function (name) {
        return this.lookupController().lookup(name);
    },

    // Why a box cannot be ticked stands in its tooltip.
    gate: function (name, right) {
        let box = this.part(name);
        box.setDisabled(!right.allowed);
        box.el.set({ 'data-qtip': PRS.Format.esc(right.reason) });
    },

    // A RoundRequest; what is not known yet is left to the service.
    asked: function () {
        let me = this;
        let value = (name) => me.part(name).getValue();
        let nodes = me.part('choice').chosen();
        let body = { nodes: nodes, reboot: value('reboot'), containers: value('containers') };
        body.maintenance = value('maintenance');
        if (value('atOnce') > 1) {
            body.at_once = value('atOnce');
        }
        let rides = me.part('rides').rides(nodes);
        if (me.hooks) {
            body.hooks = value('hooks') && me.hooks.length > 0;
        }
        if (rides.length) {
            body.rides = rides.map((guest) => guest.vmid);
        }
        let relax = me.part('relax').ticked();
        if (relax.length) {
            body.relax = relax;
        }
        if (rides.length && value('kill')) {
            body.kill_after = 60 * value('kill');
        }
        return body;
    },

    // A RoundPreview.
    fill: function (found) {
        let me = this;
        me.part('choice').preview(found.turns);
        me.part('rides').fill(found.turns);
        me.part('relax').fill({
            relaxed: found.turns.flatMap((turn) => turn.relaxed),
            relaxable: found.turns.flatMap((turn) => turn.relaxable),
        });
        me.part('kill').setHidden(me.part('rides').isHidden());
        let hooks = me.part('hooks');
        let some = found.hooks.length > 0;
        let none = gettext('There are no hooks on this node.');
        if (!me.hooks) {
            hooks.setValue(some);
        }
        me.hooks = found.hooks;
        me.gate('hooks', PRS.Format.right(some, none));
    },
});

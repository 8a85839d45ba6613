// The fields of the settings window. Each says which entries of the policy it shows (`from`) and makes (`to`); entries are texts by name.
Ext.define('PRS.SettingsFields', {
    singleton: true,

    groups: function (cluster) {
        let me = this;
        let levels = [
            ['off', gettext('Off')],
            ['suggest', gettext('Suggest')],
            ['on', gettext('On')],
        ];
        let memories = [
            ['used', gettext('In use')],
            ['assigned', gettext('Assigned')],
            ['reserved', gettext('Reserved by balloons')],
        ];
        let spare = [
            ['warn', gettext('Warn')],
            ['require', gettext('Require')],
        ];
        let pools = cluster.guests.map((guest) => guest.pool).filter(Boolean);
        return [
            [
                gettext('Automatic runs'),
                me.choice('service.automation', gettext('Level'), levels),
                me.schedule(),
                me.text('service.quiet', gettext('Quiet windows'), 'mon..fri 08:00-18:00'),
                me.yes('service.wait_for_backups', gettext('Wait for backups')),
                me.text('service.after_return', gettext('Wait after a return (min)')),
                me.yes('service.on_return', gettext('Run after a return')),
                me.choice('service.notify', gettext('Notify of'), me.severities()),
                me.text('service.keep_days', gettext('Keep jobs (days)')),
                me.text('service.keep_size', gettext('Keep jobs up to')),
            ],
            [
                gettext('Balancing'),
                me.choice('balancing.method', gettext('Level by'), PRS.Format.levelled()),
                me.text('balancing.weights', gettext('Weights of all three'), 'memory 1, cpu 0.5'),
                me.text('balancing.spread', gettext('Spread (%)')),
                me.choice('balancing.memory', gettext('Memory that counts'), memories),
                me.text('balancing.overcommit', gettext('Overcommit (%)')),
                me.text('balancing.only_over', gettext('Only over (%)'), 'memory 80, cpu 90'),
                me.text('balancing.idle_under', gettext('Idle under (%)')),
                me.text('balancing.pressure_over', gettext('Pressure over (%)')),
                me.text('balancing.hot', gettext('At once over (%)')),
                me.text('balancing.max_moves', gettext('Migrations per run')),
                me.text('balancing.max_gib', gettext('GiB per run')),
                me.yes('balancing.containers', gettext('Containers too')),
                me.choice('balancing.spare', gettext('Room for a failed node'), spare),
            ],
            [
                gettext('Left alone'),
                me.list(
                    'balancing.ignore_nodes',
                    gettext('Nodes'),
                    cluster.nodes.map((node) => [node.name, node.name]),
                ),
                me.list(
                    'balancing.ignore_vms',
                    gettext('Guests'),
                    cluster.guests.map((guest) => [String(guest.vmid), PRS.Format.label(guest)]),
                ),
                me.pools([...new Set(pools)].sort()),
            ],
            [
                gettext('Places'),
                me.lines('domains', gettext('Racks'), 'rack1: pve1,pve2'),
                me.lines('storages', gettext('Storages'), 'local-lvm: local-lvm,fast'),
            ],
        ];
    },

    // What the fields ask for: {set, unset} against the entries that were read; `value` gives what is entered in one.
    changes: function (fields, policy, value) {
        let set = {};
        let unset = [];
        for (let one of fields) {
            let wanted = one.to(value(one));
            let shown = one.to(one.from(policy));
            if (JSON.stringify(wanted) !== JSON.stringify(shown)) {
                let owned = Object.keys(policy).filter(one.owns);
                // An entry that the field does not show is none of its business.
                unset.push(...owned.filter((name) => name in shown && !(name in wanted)));
                Object.assign(set, wanted);
            }
        }
        return { set: set, unset: unset };
    },

    // Why the fields cannot be saved as they are, without losing a line of one.
    twice: function (fields, value) {
        for (let one of fields.filter((each) => each.twice)) {
            let name = one.twice(value(one));
            if (name) {
                let words = gettext('{0}: {1} has two lines. Put both into one.');
                return Ext.String.format(words, one.field.fieldLabel, name);
            }
        }
        return '';
    },

    // The least grave event that Proxmox VE notifies of.
    severities: () => [
        ['info', gettext('Everything, also what succeeded')],
        ['notice', gettext('Suggested plans and trouble')],
        ['warning', gettext('Trouble')],
        ['error', gettext('Failures')],
        ['off', gettext('Nothing')],
    ],

    one: function (name, config) {
        return {
            owns: (key) => key === name,
            from: (policy) => policy[name] || '',
            to: (value) => (value === '' || value === null ? {} : { [name]: String(value).trim() }),
            ...config,
            field: { itemId: `set-${name.replace('.', '-')}`, ...config.field },
        };
    },

    text: function (name, label, example) {
        let field = { xtype: 'textfield', fieldLabel: label, prsExample: example };
        return this.one(name, { field: field });
    },

    // With PVE's own list of calendar events where it has one; hours and spans of time are typed.
    schedule: function () {
        let made = this.text('service.schedule', gettext('Schedule'), '24, 02:30, sat 03:00');
        if (Ext.ClassManager.getNameByAlias('widget.pveCalendarEvent')) {
            Object.assign(made.field, { xtype: 'pveCalendarEvent', forceSelection: false });
        }
        return made;
    },

    choice: function (name, label, values) {
        let store = [['', gettext('Default')], ...values];
        let field = {
            xtype: 'combobox',
            fieldLabel: label,
            editable: false,
            queryMode: 'local',
            store: store,
        };
        return this.one(name, { field: field });
    },

    // As a person may have written it: yes, true, on.
    yes: function (name, label) {
        let values = [
            ['1', gettext('Yes')],
            ['0', gettext('No')],
        ];
        let yes = (text) => (/^(1|yes|true|on)$/i.test(text) ? '1' : '0');
        let from = (policy) => (policy[name] ? yes(policy[name]) : '');
        return { ...this.choice(name, label, values), from: from };
    },

    picker: (label, values) => ({
        xtype: 'tagfield',
        fieldLabel: label,
        queryMode: 'local',
        filterPickList: true,
        anyMatch: true,
        forceSelection: false,
        createNewOnEnter: true,
        store: values,
    }),

    // What is not in the list to choose from may be a pattern, a range or an exception.
    list: function (name, label, values) {
        let split = (text) =>
            (text || '')
                .split(',')
                .map((word) => word.trim())
                .filter(Boolean);
        return this.one(name, {
            field: this.picker(label, values),
            from: (policy) => split(policy[name]),
            to: (value) => (value && value.length ? { [name]: value.join(',') } : {}),
        });
    },

    pools: function (names) {
        let key = /^pool\.(.+)\.ignore$/;
        let yes = /^(1|yes|true|on)$/i;
        return {
            field: { ...this.picker(gettext('Pools'), names), itemId: 'set-pools' },
            owns: (name) => key.test(name),
            from: (policy) =>
                Object.keys(policy)
                    .filter((name) => key.test(name) && yes.test(policy[name]))
                    .map((name) => key.exec(name)[1]),
            to: (value) =>
                Object.fromEntries((value || []).map((name) => [`pool.${name}.ignore`, '1'])),
        };
    },

    // `name: value` in each line, as in the file.
    lines: function (section, label, example) {
        let begin = `${section}.`;
        let pair = (line) => line.split(/[:=](.*)/s, 2).map((part) => part.trim());
        let pairs = (value) =>
            (value || '')
                .split('\n')
                .filter((line) => line.trim())
                .map(pair)
                .map(([name, text]) => [name.toLowerCase(), text || '']);
        return {
            field: {
                xtype: 'textarea',
                itemId: `set-${section}`,
                fieldLabel: label,
                height: 70,
                prsExample: example,
            },
            owns: (name) => name.startsWith(begin),
            from: (policy) =>
                Object.keys(policy)
                    .filter((name) => name.startsWith(begin))
                    .map((name) => `${name.slice(begin.length)}: ${policy[name]}`)
                    .join('\n'),
            to: (value) =>
                Object.fromEntries(pairs(value).map(([name, text]) => [begin + name, text])),
            // A name with two lines, of which only one would be saved.
            twice: (value) => {
                let names = pairs(value).map(([name]) => name);
                return names.find((name, at) => names.indexOf(name) !== at);
            },
        };
    },
});

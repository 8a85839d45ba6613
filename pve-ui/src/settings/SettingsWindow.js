// The settings of the whole cluster: read by auditors, saved by whoever may change the cluster, against the version that was read.
Ext.define('PRS.SettingsWindow', {
    extend: 'PRS.NoticeWindow',
    xtype: 'prsSettingsWindow',

    title: gettext('Settings of automatic balancing'),
    iconCls: 'fa fa-cog',
    wide: 720,
    high: 620,

    controller: {
        xclass: 'PRS.NoticeController',

        onShow: async function () {
            let me = this;
            me.say(PRS.Format.busy(gettext('Reading the settings')));
            try {
                let [cluster, policy] = await Promise.all([
                    PRS.Api.get('/cluster'),
                    PRS.Api.get('/policy'),
                ]);
                if (!me.destroyed) {
                    me.build(cluster);
                    me.read(policy);
                    me.show([]);
                }
            } catch (err) {
                me.failed(err);
            }
        },

        build: function (cluster) {
            let me = this;
            let groups = PRS.SettingsFields.groups(cluster);
            me.fields = groups.flatMap(([, ...fields]) => fields);
            let sets = groups.map(([title, ...fields]) => ({
                xtype: 'fieldset',
                title: PRS.Format.esc(title),
                layout: 'anchor',
                defaults: { anchor: '100%', labelWidth: 190 },
                items: fields.map((one) => one.field),
            }));
            me.lookup('form').add(sets);
        },

        // The policy's own entries, and the form as they say.
        read: function (found) {
            let me = this;
            me.found = found;
            me.policy = me.entries(found);
            for (let one of me.fields) {
                me.of(one).setValue(one.from(me.policy));
                me.explain(one);
            }
            me.lookup('wrong').list(found, me.place, (name) => me.takeOut(name));
        },

        entries: function (found) {
            let set = found.options.filter((one) => one.policy !== null);
            return Object.fromEntries(set.map((one) => [one.name, one.policy]));
        },

        // A file and the number of its line, in the language of the page.
        place: (source) =>
            source.replace(/ line (\d+)$/, (whole, number) =>
                Ext.String.format(gettext(', line {0}'), number),
            ),

        // A file of this node, and not what stands in for a broken policy.
        own: function (source) {
            let known = ['default', `${this.found.file} line `];
            return !known.some((begin) => source.startsWith(begin)) && !/last-good/.test(source);
        },

        of: function (one) {
            return this.lookup('form').down(`#${one.field.itemId}`);
        },

        // What a file of this node decides is grey, with the file; what nobody has set shows what counts instead.
        explain: function (one) {
            let me = this;
            let field = me.of(one);
            let options = me.found.options.filter((option) => one.owns(option.name));
            let above = options.find((option) => option.overruled || me.own(option.source));
            let may = me.found.may.write.allowed;
            field.setDisabled(!!above || !may);
            if (above) {
                field.setValue(one.from({ ...me.policy, [above.name]: above.value }));
            }
            let [option] = options;
            let plain = option && option.name === (one.field.name || option.name);
            me.nameDefault(field, plain && one.from({ [option.name]: option.default }));
            if (field.setEmptyText) {
                let instead = above ? above.value : (plain && option.default) || field.prsExample;
                field.setEmptyText(instead || '');
            }
            let words = above
                ? Ext.String.format(gettext('Decided on this node: {0}'), me.place(above.source))
                : (plain && option.words) || '';
            field.getEl().dom.setAttribute('data-qtip', PRS.Format.esc(words));
            field.setFieldLabel(
                PRS.Format.esc(one.field.fieldLabel) + (above ? ` ${PRS.Format.icon('lock')}` : ''),
            );
            me.decided = me.decided || {};
            me.decided[field.itemId] = above ? `${one.field.fieldLabel}: ${words}` : '';
        },

        // As PVE's own boxes do; `value` may be none of those to choose from.
        nameDefault: function (field, value) {
            let find = (one) => field.findRecordByValue && field.findRecordByValue(one);
            let [none, chosen] = [find(''), find(value)];
            if (none && chosen && none !== chosen) {
                let words = `${gettext('Default')} (${chosen.get(field.displayField)})`;
                none.set(field.displayField, words, { commit: true });
                field.setValue(field.getValue());
            }
        },

        onSave: async function () {
            let me = this;
            let value = (one) => me.of(one).getValue();
            let twice = PRS.SettingsFields.twice(me.fields, value);
            if (twice) {
                return me.say(PRS.Format.warning(twice));
            }
            let free = me.fields.filter((one) => !me.of(one).isDisabled());
            let asked = PRS.SettingsFields.changes(free, me.policy, value);
            if (!Object.keys(asked.set).length && !asked.unset.length) {
                return me.getView().close();
            }
            me.lookup('save').setDisabled(true);
            try {
                await PRS.Api.call('PUT', '/policy', { digest: me.found.digest, ...asked });
                if (!me.destroyed) {
                    me.getView().fireEvent('saved');
                    me.getView().close();
                }
            } catch (err) {
                await me.refused(err);
            }
            if (!me.destroyed) {
                me.lookup('save').setDisabled(false);
            }
        },

        refused: async function (err) {
            await (err.code === 'changed' && !this.destroyed ? this.meet() : this.failed(err));
        },

        takeOut: async function (name) {
            let me = this;
            let asked = { digest: me.found.digest, unset: [name] };
            try {
                let { data } = await PRS.Api.call('PUT', '/policy', asked);
                if (!me.destroyed) {
                    me.take(data);
                    me.show([]);
                    me.getView().fireEvent('saved');
                }
            } catch (err) {
                await me.refused(err);
            }
        },

        // Somebody else was faster: theirs is taken in, what was entered here stays, and where both differ is said.
        meet: async function () {
            let me = this;
            try {
                let found = await PRS.Api.get('/policy');
                if (me.destroyed) {
                    return;
                }
                let notes = me.take(found);
                let words = gettext(
                    'Somebody else has saved meanwhile. Your entries are still here: look at them and save again.',
                );
                me.show([words, ...notes]);
            } catch (err) {
                me.failed(err);
            }
        },

        // Another version of the policy below what was entered here; the fields in which it differs from the one before.
        take: function (found) {
            let me = this;
            let before = me.policy;
            let mine = me.fields.map((one) => me.of(one).getValue());
            let touched = me.fields.map(
                (one, at) =>
                    JSON.stringify(one.to(mine[at])) !== JSON.stringify(one.to(one.from(before))),
            );
            me.read(found);
            let notes = [];
            me.fields.forEach((one, at) => {
                let theirs = JSON.stringify(one.to(one.from(me.policy)));
                if (theirs !== JSON.stringify(one.to(one.from(before)))) {
                    let values = Object.values(one.to(one.from(me.policy))).join('; ');
                    notes.push(`${one.field.fieldLabel}: ${values || gettext('Default')}`);
                }
                if (touched[at]) {
                    me.of(one).setValue(mine[at]);
                }
            });
            return notes;
        },

        show: function (notes) {
            let me = this;
            let { mistakes, may } = me.found;
            let words = gettext('The policy has mistakes; its last good version is in force.');
            let broken = mistakes.length ? [words, ...mistakes] : [];
            let decided = Object.values(me.decided).filter(Boolean);
            let wrong = [...notes, ...broken, may.notify.reason].filter(Boolean);
            let lines = wrong.map((text) => PRS.Format.warning(text));
            lines.push(...decided.map((text) => PRS.Format.icon('lock') + PRS.Format.esc(text)));
            me.say(lines.join('<br>'));
            PRS.Format.gate(me.lookup('save'), may.write);
        },
    },

    items: [
        {
            xtype: 'form',
            reference: 'form',
            flex: 1,
            border: false,
            bodyPadding: 10,
            scrollable: 'y',
            items: [
                {
                    xtype: 'prsWrongEntries',
                    reference: 'wrong',
                },
            ],
        },
    ],

    buttons: [
        {
            ui: 'default-toolbar',
            text: gettext('Save'),
            reference: 'save',
            disabled: true,
            handler: 'onSave',
        },
        { ui: 'default-toolbar', text: gettext('Close'), handler: 'onClose' },
    ],
});

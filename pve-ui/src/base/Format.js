// How values look to people. Whatever comes from the cluster goes through `esc` before it becomes HTML.
Ext.define('PRS.Format', {
    singleton: true,

    methods: () => [
        ['memory', gettext('Memory')],
        ['cpu', gettext('CPU')],
        ['disk', gettext('Local disk')],
    ],

    // All that a plan may go by.
    levelled: () => [
        ...PRS.Format.methods(),
        ['all', gettext('All three')],
        ['pressure', gettext('Pressure')],
    ],

    // What is levelled, in words; all three resources by their names.
    method: function (method) {
        if (method === 'all') {
            return this.methods()
                .map(([resource, label]) => label)
                .join(', ');
        }
        return Object.fromEntries(this.levelled())[method];
    },

    // Control and text direction characters of a name could change how the rest of a line reads.
    esc: function (value) {
        let text = value === undefined || value === null ? '' : String(value);
        return Ext.htmlEncode(text.replace(/[\p{Cc}\p{Bidi_C}]/gu, ' '));
    },

    // Quick tips read the attribute as HTML, hence the second encoding.
    tip: (text) => `data-qtip="${Ext.htmlEncode(PRS.Format.esc(text))}"`,

    size: function (bytes) {
        let units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
        let at = 0;
        let value = bytes || 0;
        while (value >= 1024 && at < units.length - 1) {
            value /= 1024;
            at++;
        }
        return `${value.toFixed(at < 3 ? 0 : 1)} ${units[at]}`;
    },

    // 0:41, 2:10, 1:02:03
    clock: function (seconds) {
        let all = Math.max(0, Math.round(seconds || 0));
        let two = (number) => String(number).padStart(2, '0');
        let [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60];
        let rest = `${hours ? two(minutes) : minutes}:${two(all % 60)}`;
        return hours ? `${hours}:${rest}` : rest;
    },

    about: function (seconds) {
        let number = (value, unit) => Ext.String.format(gettext('about {0} {1}'), value, unit);
        if (seconds < 90) {
            return number(Math.max(1, Math.round(seconds)), 's');
        }
        if (seconds < 5400) {
            return number(Math.round(seconds / 60), 'min');
        }
        return number((seconds / 3600).toFixed(1), 'h');
    },

    percent: (fraction) => `${Math.round((fraction || 0) * 100)}%`,

    points: (fraction) => String(Math.round((fraction || 0) * 100)),

    // Not every PVE release has ngettext.
    count: (number, one, many) => Ext.String.format(number === 1 ? one : many, number),

    migrations: (number) =>
        PRS.Format.count(number, gettext('{0} migration'), gettext('{0} migrations')),

    guests: (number) => PRS.Format.count(number, gettext('{0} guest'), gettext('{0} guests')),

    when: function (seconds) {
        if (!seconds) {
            return '';
        }
        let date = new Date(seconds * 1000);
        let today = Ext.Date.format(date, 'Y-m-d') === Ext.Date.format(new Date(), 'Y-m-d');
        return Ext.Date.format(date, today ? 'H:i' : 'Y-m-d H:i');
    },

    label: (guest) => (guest.name ? `${guest.vmid} (${guest.name})` : String(guest.vmid)),

    icon: (cls, extra) => `<i class="fa fa-fw fa-${cls} ${extra || ''}" aria-hidden="true"></i>`,

    good: (text) => `${PRS.Format.icon('check', 'good')} ${PRS.Format.esc(text)}`,

    warning: (text) =>
        `${PRS.Format.icon('exclamation-triangle', 'warning')} ${PRS.Format.esc(text)}`,

    bad: (text) => `${PRS.Format.icon('times-circle', 'critical')} ${PRS.Format.esc(text)}`,

    busy: (text) => `${PRS.Format.icon('refresh', 'fa-spin')} ${PRS.Format.esc(text)}`,

    // Cell renderers
    text: function (value, meta) {
        if (meta && value) {
            meta.tdAttr = PRS.Format.tip(value);
        }
        return PRS.Format.esc(value);
    },

    guest: function (value, meta, record) {
        let icon = record.data.kind === 'lxc' ? 'cube' : 'desktop';
        let label = PRS.Format.label(record.data);
        meta.tdAttr = PRS.Format.tip(label);
        return `${PRS.Format.icon(icon)} ${PRS.Format.esc(label)}`;
    },

    // Used of total, as people write it: bytes, or cores of a CPU.
    amount: function (resource, fraction, total) {
        if (fraction === undefined || fraction === null || !total) {
            return '';
        }
        if (resource === 'cpu') {
            return `${(fraction * total).toFixed(1)} / ${total}`;
        }
        return `${PRS.Format.size(fraction * total)} / ${PRS.Format.size(total)}`;
    },

    // A usage bar with its figure, as in PVE's node list: nothing for an unknown value; `warn`: yellow and red near the end.
    // The figure stands beside the bar, where it can be read; `amount` is shown where there is room for it.
    bar: function (value, name, warn, amount) {
        if (value === undefined || value === null) {
            return '';
        }
        let percent = Math.round(Math.min(1, Math.max(0, value)) * 100);
        let look = !warn || value < 0.8 ? '' : value < 0.9 ? 'warning' : 'critical';
        return [
            '<div style="display: flex; flex-wrap: wrap; gap: 0 6px; height: 20px; overflow: hidden">',
            '<div style="display: flex; flex: 1 1 104px; gap: 6px; height: 20px; min-width: 0">',
            `<span style="flex: none; width: 38px; text-align: right">${percent}%</span>`,
            `<div class="x-progress x-progress-default ${look}" style="flex: 1; min-width: 0" role="progressbar"`,
            ` aria-label="${PRS.Format.esc(name)}" aria-valuemin="0" aria-valuemax="100" aria-valuenow="${percent}">`,
            `<div class="x-progress-bar x-progress-bar-default" style="width: ${percent}%"></div></div></div>`,
            amount ? `<span style="flex: none">${PRS.Format.esc(amount)}</span>` : '',
            '</div>',
        ].join('');
    },

    // A check box for screen readers as well; ExtJS calls it a button without a name.
    tick: function (value, name) {
        let cls = `x-grid-checkcolumn ${value ? 'x-grid-checkcolumn-checked' : ''}`;
        let label = PRS.Format.esc(name);
        return `<span class="${cls}" role="checkbox" aria-checked="${!!value}" aria-label="${label}" tabindex="0"></span>`;
    },

    // Changes only the rows that differ, so that selection, focus and scroll position stay and nothing else is drawn again.
    sync: function (store, rows) {
        let data = store.getData();
        let all = data.getSource() || data;
        if (all.getCount() !== rows.length || !rows.every((row) => all.get(row.id))) {
            store.loadData(rows);
            return;
        }
        let names = store
            .getModel()
            .getFields()
            .map((field) => field.getName());
        for (let row of rows) {
            let record = all.get(row.id);
            let changed = names.filter((name) => name in row && record.data[name] !== row[name]);
            if (changed.length) {
                let news = Object.fromEntries(changed.map((name) => [name, row[name]]));
                record.set(news, { commit: true });
            }
        }
    },

    // Sets the text of a component unless it has it already.
    html: function (component, html) {
        if (component.prsHtml !== html) {
            component.prsHtml = html;
            component.setHtml(html);
        }
    },

    // Gives a window that is not drawn yet its size, less where the screen is smaller; it follows the screen unless somebody sizes it.
    within: function (view, width, height) {
        let fit = (wide, high) => [
            Math.min(wide, Ext.Element.getViewportWidth() - 20),
            Math.min(high, Ext.Element.getViewportHeight() - 20),
        ];
        let made = fit(width, height);
        [view.width, view.height] = made;
        let follow = () => {
            if (view.rendered) {
                let now = [view.getWidth(), view.getHeight()];
                made = now.join() === made.join() ? fit(width, height) : fit(...now);
                view.setSize(...made);
                view.alignTo(Ext.getBody(), 'c-c');
            }
        };
        // Browsers move the page for a focus that lies beyond its edge for a moment, and nothing moves it back.
        let still = () => (document.scrollingElement.scrollLeft = 0);
        document.addEventListener('scroll', still);
        view.on('destroy', () => document.removeEventListener('scroll', still));
        // PVE centres by the size from before, and ExtJS keeps to that unless the window is aligned anew.
        view.mon(Ext.GlobalEvents, 'resize', follow, view, { buffer: 50 });
    },

    right: (allowed, reason) => ({ allowed: allowed, reason: allowed ? '' : reason }),

    // Greys an action and says why; without a reason it becomes usable.
    gate: function (component, right, tooltip) {
        component.setDisabled(!right.allowed);
        let text = PRS.Format.esc(right.allowed ? tooltip || '' : right.reason);
        if (component.prsTip !== text) {
            component.prsTip = text;
            component.setTooltip(text);
        }
    },
});

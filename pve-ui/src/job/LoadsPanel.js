// Loads over time with PVE's own chart: the widest spread, each node, and the jobs as marks.
Ext.define('PRS.LoadsPanel', {
    extend: 'Ext.panel.Panel',
    xtype: 'prsLoadsPanel',

    border: false,
    layout: { type: 'vbox', align: 'stretch' },

    controller: {
        xclass: 'Ext.app.ViewController',

        onShow: function () {
            this.poller = PRS.Poller.start(this.getView(), () => this.load(), 60000);
        },

        // The tab may be closed, or another span be chosen, before an answer comes.
        load: async function () {
            let me = this;
            let days = me.lookup('span').getValue();
            let found;
            try {
                let ask = [`/loads?days=${days}`, '/jobs?limit=200'].map((path) =>
                    PRS.Api.get(path),
                );
                found = await Promise.all(ask);
            } catch (err) {
                if (!me.destroyed) {
                    me.say(PRS.Format.icon('times-circle', 'critical') + PRS.Api.words(err));
                }
                return;
            }
            if (!me.destroyed && days === me.lookup('span').getValue()) {
                [me.loads, me.jobs] = found;
                me.draw();
            } else if (!me.destroyed) {
                await me.load();
            }
        },

        onSpan: function () {
            this.poller.soon();
        },

        draw: function () {
            let me = this;
            if (!me.loads) {
                return;
            }
            let kind = me.lookup('kind').getValue();
            let { jobs } = me.jobs;
            me.say(PRS.LoadsCourse.words(me.loads, me.jobs, kind));
            let names = me.loads.nodes.map((row) => row.node);
            let shape = names.join(' ');
            if (me.shape !== shape) {
                me.shape = shape;
                me.lookup('place').removeAll();
                me.chart = me.lookup('place').add(me.chartOf(names));
                me.mark(me.chart);
            }
            me.chart.getStore().loadData(PRS.LoadsCourse.rows(me.loads, jobs, kind));
        },

        chartOf: function (names) {
            let fields = ['spread', ...names.map((name, place) => `node${place}`)];
            let day = { name: 'time', type: 'date', dateFormat: 'time' };
            return Ext.create('Proxmox.widget.RRDChart', {
                reference: 'chart',
                title: gettext('Load'),
                width: undefined,
                height: undefined,
                unit: 'percent',
                fields: fields,
                fieldTitles: [
                    gettext('Widest spread'),
                    ...names.map((name) => PRS.Format.esc(name)),
                ],
                store: Ext.create('Ext.data.Store', { fields: [day, ...fields, 'jobs', 'what'] }),
            });
        },

        // Many nodes filled over one another show none of them.
        mark: function (chart) {
            chart.getSeries().forEach((series) => series.setFill(false));
            chart.getSeries()[0].setStyle({ lineWidth: 3, opacity: 1 });
            // Not addSeries: that of ExtJS 6 draws a legend while the new one is not made yet.
            let marks = {
                type: 'scatter',
                xField: 'time',
                yField: 'jobs',
                title: gettext('Jobs'),
                marker: { type: 'diamond', radius: 6, fillStyle: '#c04000' },
                tooltip: {
                    trackMouse: true,
                    renderer: (tip, record) => tip.setHtml(record.get('what')),
                },
            };
            chart.setSeries([...chart.getSeries(), marks]);
        },

        say: function (html) {
            PRS.Format.html(this.lookup('words'), html);
        },
    },

    listeners: { afterrender: 'onShow' },

    tbar: {
        border: false,
        items: [
            { xtype: 'tbtext', text: gettext('Load') },
            {
                xtype: 'combobox',
                reference: 'kind',
                ariaLabel: gettext('Load'),
                width: 130,
                editable: false,
                value: 'memory',
                store: PRS.Format.methods().slice(0, 2),
                listeners: { change: 'draw' },
            },
            {
                xtype: 'combobox',
                reference: 'span',
                ariaLabel: gettext('Time'),
                width: 130,
                editable: false,
                value: 1,
                store: [
                    [1, gettext('Day')],
                    [7, gettext('Week')],
                    [31, gettext('Month')],
                ],
                listeners: { change: 'onSpan' },
            },
        ],
    },

    items: [
        {
            xtype: 'component',
            reference: 'words',
            padding: 10,
            maxHeight: 140,
            scrollable: 'y',
            autoEl: { tag: 'div', role: 'status', 'aria-live': 'polite' },
        },
        { xtype: 'container', reference: 'place', flex: 1, layout: 'fit' },
    ],
});

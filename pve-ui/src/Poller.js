// Calls an async function again and again while its view lives, a pause after each answer, never while the page is hidden.
Ext.define('PRS.Poller', {
    statics: {
        running: 0,
    },

    config: {
        run: undefined,
        interval: 2000,
    },

    constructor: function (config) {
        this.initConfig(config);
    },

    start: function () {
        if (!this.active) {
            this.active = true;
            PRS.Poller.running++;
            this.tick();
        }
    },

    stop: function () {
        if (this.active) {
            this.active = false;
            PRS.Poller.running--;
            clearTimeout(this.timer);
        }
    },

    // Asks now, unless a call is under way.
    soon: function () {
        if (this.active && !this.busy) {
            clearTimeout(this.timer);
            this.tick();
        }
    },

    tick: async function () {
        let me = this;
        if (!document.hidden) {
            me.busy = true;
            try {
                await me.getRun()();
            } catch (err) {
                complain('poll', err);
            }
            me.busy = false;
        }
        if (me.active) {
            me.timer = setTimeout(() => me.tick(), me.getInterval());
        }
    },
});

"""One function per intention: audit, permit, load, judge, save. The only writers."""

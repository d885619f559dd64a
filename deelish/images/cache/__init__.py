"""The decoded-image cache: pixels kept in memory or on disk, so that later epochs decode nothing."""

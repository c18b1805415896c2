"""The helpers of this folder can be imported from its subfolders, too."""

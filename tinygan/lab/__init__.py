"""The lab: a page of this machine alone, on which GANs can be watched. (``tinygan lab``)"""
